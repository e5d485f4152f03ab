// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>Rules of security groups, written so that equal ones look alike at any cloud.</summary>
internal static class SecurityRules
{
    /// <summary>Those that Neutron puts into every new group: all may go out.</summary>
    public static readonly IReadOnlyList<string> OfNewGroup =
        [Text("egress", "IPv4", null, null, null, null, null), Text("egress", "IPv6", null, null, null, null, null)];

    public static string Signature(CloudSecurityRule rule) => Text(rule.Direction, rule.Family, rule.Protocol,
        rule.PortFirst, rule.PortLast, rule.RemoteCidr, rule.RemoteGroup);

    /// <param name="nameOf">The name of a group, by its id.</param>
    public static string Signature(NeutronSecurityRule rule, Func<string, string> nameOf) => Text(rule.Direction,
        rule.Ethertype ?? "IPv4", rule.Protocol, rule.PortRangeMin, rule.PortRangeMax, rule.RemoteIpPrefix,
        rule.RemoteGroupId is { } id ? nameOf(id) : null);

    // Everything, and everybody, are written in two ways.
    private static string Text(string direction, string family, string? protocol, int? first, int? last, string? cidr,
        string? group) => $"{direction} {family} {protocol} {first}-{last} "
            + $"{(cidr is "0.0.0.0/0" or "::/0" ? "" : cidr)} {group}";
}
