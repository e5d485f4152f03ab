// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Networking;

internal sealed record NetworkPage(IReadOnlyList<NeutronNetwork> Networks,
    IReadOnlyList<PageLink>? NetworksLinks = null) : ICloudPage<NeutronNetwork>
{
    [JsonIgnore]
    public IReadOnlyList<NeutronNetwork> Items => Networks;
    [JsonIgnore]
    public string? Next => PageLink.Next(NetworksLinks);
}

internal sealed record SubnetPage(IReadOnlyList<NeutronSubnet> Subnets, IReadOnlyList<PageLink>? SubnetsLinks = null)
    : ICloudPage<NeutronSubnet>
{
    [JsonIgnore]
    public IReadOnlyList<NeutronSubnet> Items => Subnets;
    [JsonIgnore]
    public string? Next => PageLink.Next(SubnetsLinks);
}

internal sealed record PortPage(IReadOnlyList<NeutronPort> Ports, IReadOnlyList<PageLink>? PortsLinks = null)
    : ICloudPage<NeutronPort>
{
    [JsonIgnore]
    public IReadOnlyList<NeutronPort> Items => Ports;
    [JsonIgnore]
    public string? Next => PageLink.Next(PortsLinks);
}

internal sealed record SecurityGroupPage(IReadOnlyList<NeutronSecurityGroup> SecurityGroups,
    IReadOnlyList<PageLink>? SecurityGroupsLinks = null) : ICloudPage<NeutronSecurityGroup>
{
    [JsonIgnore]
    public IReadOnlyList<NeutronSecurityGroup> Items => SecurityGroups;
    [JsonIgnore]
    public string? Next => PageLink.Next(SecurityGroupsLinks);
}

internal sealed record FloatingIpPage(
    [property: JsonPropertyName("floatingips")] IReadOnlyList<NeutronFloatingIp> FloatingIps,
    [property: JsonPropertyName("floatingips_links")] IReadOnlyList<PageLink>? Links = null)
    : ICloudPage<NeutronFloatingIp>
{
    [JsonIgnore]
    public IReadOnlyList<NeutronFloatingIp> Items => FloatingIps;
    [JsonIgnore]
    public string? Next => PageLink.Next(Links);
}

internal sealed record RouterPage(IReadOnlyList<NeutronRouter> Routers, IReadOnlyList<PageLink>? RoutersLinks = null)
    : ICloudPage<NeutronRouter>
{
    [JsonIgnore]
    public IReadOnlyList<NeutronRouter> Items => Routers;
    [JsonIgnore]
    public string? Next => PageLink.Next(RoutersLinks);
}

internal sealed record ExtensionAnswer(IReadOnlyList<NeutronExtension> Extensions);

internal sealed record AvailabilityAnswer(NeutronAvailability NetworkIpAvailability);

internal sealed record NeutronQuotaAnswer(IReadOnlyDictionary<string, JsonElement> Quota);

internal sealed record PortAnswer(NeutronPort Port);

internal sealed record NewPortRequest(NewPort Port);

internal sealed record FloatingIpAnswer([property: JsonPropertyName("floatingip")] NeutronFloatingIp FloatingIp);

internal sealed record NewFloatingIpRequest([property: JsonPropertyName("floatingip")] NewFloatingIp FloatingIp);

internal sealed record SecurityGroupAnswer(NeutronSecurityGroup SecurityGroup);

internal sealed record NewSecurityGroupRequest(NewSecurityGroup SecurityGroup);

internal sealed record SecurityRuleAnswer(NeutronSecurityRule SecurityGroupRule);

internal sealed record NetworkAnswer(NeutronNetwork Network);

internal sealed record NewNetworkRequest(NewNetwork Network);

internal sealed record SubnetAnswer(NeutronSubnet Subnet);

internal sealed record NewSubnetRequest(NewSubnet Subnet);

internal sealed record RouterAnswer(NeutronRouter Router);

internal sealed record NewRouterRequest(NewRouter Router);

internal sealed record NewRoutesRequest(NewRoutes Router);

internal sealed record NewFixedIpsRequest(NewFixedIps Port);

internal sealed record PortHoldRequest(PortHold Port);

internal sealed record SubnetDhcpRequest(SubnetDhcp Subnet);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(NetworkPage))]
[JsonSerializable(typeof(SubnetPage))]
[JsonSerializable(typeof(PortPage))]
[JsonSerializable(typeof(SecurityGroupPage))]
[JsonSerializable(typeof(FloatingIpPage))]
[JsonSerializable(typeof(RouterPage))]
[JsonSerializable(typeof(ExtensionAnswer))]
[JsonSerializable(typeof(AvailabilityAnswer))]
[JsonSerializable(typeof(NeutronQuotaAnswer))]
[JsonSerializable(typeof(PortAnswer))]
[JsonSerializable(typeof(NewPortRequest))]
[JsonSerializable(typeof(FloatingIpAnswer))]
[JsonSerializable(typeof(NewFloatingIpRequest))]
[JsonSerializable(typeof(SecurityGroupAnswer))]
[JsonSerializable(typeof(NewSecurityGroupRequest))]
[JsonSerializable(typeof(SecurityRuleAnswer))]
[JsonSerializable(typeof(NetworkAnswer))]
[JsonSerializable(typeof(NewNetworkRequest))]
[JsonSerializable(typeof(SubnetAnswer))]
[JsonSerializable(typeof(NewSubnetRequest))]
[JsonSerializable(typeof(RouterAnswer))]
[JsonSerializable(typeof(NewRouterRequest))]
[JsonSerializable(typeof(RouterInterface))]
[JsonSerializable(typeof(NewRoutesRequest))]
[JsonSerializable(typeof(NewFixedIpsRequest))]
[JsonSerializable(typeof(PortHoldRequest))]
[JsonSerializable(typeof(SubnetDhcpRequest))]
internal sealed partial class NeutronJson : JsonSerializerContext;
