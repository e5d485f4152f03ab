// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>Pure decisions: which reason an answer stands for, which version is spoken, where a service is.</summary>
public sealed class CloudAnswerTests
{
    public static TheoryData<int, string, string> Answers => new()
    {
        { 404, Nova("itemNotFound", "Instance x could not be found."), "NotFound" },
        { 403, Nova("forbidden", "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"),
            "QuotaExceeded" },
        { 403, Nova("forbidden", "Policy doesn't allow os_compute_api:servers:create to be performed."), "Forbidden" },
        { 413, Nova("overLimit", "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota "
            + "'volumes'."), "QuotaExceeded" },
        { 429, Nova("overLimit", "This request was rate-limited."), "OverLimit" },
        { 409, Neutron("OverQuota", "Quota exceeded for resources: ['port']."), "QuotaExceeded" },
        { 409, Neutron("IpAddressInUse", "The IP address 10.0.0.5 is in use."), "AddressTaken" },
        { 409, Neutron("MacAddressInUse", "The mac address is in use."), "AddressTaken" },
        { 409, Neutron("IpAddressGenerationFailure", "No more IP addresses available on network n."),
            "AddressesUsedUp" },
        { 400, Neutron("ExternalIpAddressExhausted", "Unable to find any IP address on external network n."),
            "AddressesUsedUp" },
        { 409, Nova("conflictingRequest", "Cannot 'os-start' instance x while it is in vm_state active"), "Conflict" },
        { 400, Nova("badRequest", "Invalid flavorRef provided."), "Refused" },
        { 400, Nova("badRequest", "No valid host was found. There are not enough hosts available."), "NoValidHost" },
        { 500, Nova("computeFault", "Unexpected API Error."), "ServiceFailed" },
        { 503, "<html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>",
            "ServiceDown" },
        { 504, "", "Timeout" },
        { 401, Nova("error", "The request you have made requires authentication."), "Unauthorised" },
        { 406, """{"errors": [{"status": 406, "title": "Not Acceptable", "detail": "Unacceptable version"}]}""",
            "VersionTooOld" },
        { 413, """{"message": "Denying attempt to upload image because it exceeds the quota", "code": "413"}""",
            "QuotaExceeded" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public void An_answer_stands_for_a_reason(int status, string body, string reason)
    {
        var error = ErrorBody.Read(Encoding.UTF8.GetBytes(body));
        Assert.Equal(Enum.Parse<CloudFault>(reason), error.Reason(status, waits: false));
    }

    [Fact]
    public void The_words_of_a_page_are_told_without_its_tags()
    {
        var page = "<html><head><title>x</title></head><body><h1>502 Bad\nGateway</h1></body>";
        var error = ErrorBody.Read(Encoding.UTF8.GetBytes(page));
        Assert.Equal("502 Bad Gateway", error.Text);
    }

    [Theory]
    [InlineData("2.1", "2.93", "2.93")]
    [InlineData("2.1", "2.100", "2.93")]
    [InlineData("2.1", "2.90", "2.90")]
    [InlineData("2.1", "2.79", "2.79")]
    [InlineData("2.1", "2.78", null)]
    [InlineData("2.94", "2.120", null)]
    public void The_newest_version_that_both_know_is_spoken(string oldest, string newest, string? chosen)
    {
        var need = CloudApi.Compute.Versions!;
        var (low, high) = (Microversion.Parse(oldest)!.Value, Microversion.Parse(newest)!.Value);
        Assert.Equal(chosen, need.Choose(low, high)?.ToString());
    }

    [Theory]
    [InlineData("compute", "http://c:8774/v2.1", "http://c:8774/v2.1", "http://c:8774/v2.1/")]
    [InlineData("compute", "http://c:8774/v2.1/p1", "http://c:8774/v2.1", "http://c:8774/v2.1/")]
    [InlineData("compute", "http://c/compute", "http://c/compute/v2.1", "http://c/compute/v2.1/")]
    [InlineData("block-storage", "http://c/volume/v3/p1", "http://c/volume/v3/p1", "http://c/volume/v3/")]
    [InlineData("block-storage", "http://c:8776/v3/AUTH_p1/", "http://c:8776/v3/p1", "http://c:8776/v3/")]
    [InlineData("block-storage", "http://c:8776/v3", "http://c:8776/v3/p1", "http://c:8776/v3/")]
    [InlineData("network", "http://c:9696/", "http://c:9696/v2.0", "http://c:9696/")]
    [InlineData("network", "http://c/network/v2.0", "http://c/network/v2.0", "http://c/network/v2.0/")]
    [InlineData("image", "http://c:9292", "http://c:9292/v2", "http://c:9292/")]
    [InlineData("placement", "http://c/placement", "http://c/placement", "http://c/placement/")]
    public void Endpoints_are_taken_as_catalogues_write_them(string type, string endpoint, string root,
        string versions)
    {
        CloudApi[] all = [CloudApi.Compute, CloudApi.BlockStorage, CloudApi.Network,
            CloudApi.Image, CloudApi.Placement];
        var service = all.Single(s => s.Type == type);
        Assert.Equal(root, service.Root(new Uri(endpoint), "p1").AbsoluteUri);
        Assert.Equal(versions, service.VersionDocument(new Uri(endpoint), "p1").AbsoluteUri);
    }

    [Fact]
    public void A_service_is_found_by_type_alias_region_and_interface_and_what_is_missing_is_told()
    {
        var cloud = new CloudSettings
        {
            Name = "west",
            AuthUrl = new Uri("http://k:5000"),
            Auth = CloudAuth.Token,
            Region = "two",
            Interface = EndpointInterface.Internal,
        };
        var catalog = new ServiceCatalog(
        [
            new CatalogEntry("volumev2", [new CatalogEndpoint("internal", "http://old/v2/p", "two")]),
            new CatalogEntry("volumev3",
            [
                new CatalogEndpoint("public", "http://pub/v3/p", "two"),
                new CatalogEndpoint("internal", "http://one/v3/p", "one"),
                new CatalogEndpoint("internal", "http://two/v3/p", "two"),
            ]),
            new CatalogEntry("network", [new CatalogEndpoint("public", "http://n", "two")]),
            new CatalogEntry("image", [new CatalogEndpoint("internal", "http://g", "one")]),
        ]);
        Assert.Equal("http://two/v3/p", catalog.Endpoint(CloudApi.BlockStorage, cloud).AbsoluteUri);
        Assert.Contains("in several regions (two, one)",
            Fault(CloudApi.BlockStorage, cloud with { Region = null }));
        Assert.Contains("no internal endpoint of Neutron; it has public", Fault(CloudApi.Network, cloud));
        Assert.Contains("no Glance in region 'two'; it has one", Fault(CloudApi.Image, cloud));
        Assert.Contains("no Nova (service type compute)", Fault(CloudApi.Compute, cloud));
        var elsewhere = cloud with { Endpoints = new Dictionary<string, Uri> { ["compute"] = new("http://c") } };
        Assert.Equal("http://c/", catalog.Endpoint(CloudApi.Compute, elsewhere).AbsoluteUri);

        string Fault(CloudApi service, CloudSettings with)
        {
            var e = Assert.Throws<CloudException>(() => catalog.Endpoint(service, with));
            Assert.Equal(CloudFault.ServiceMissing, e.Fault);
            return e.Message;
        }
    }

    private static string Nova(string kind, string message) =>
        $$"""{"{{kind}}": {"code": 0, "message": "{{message}}"} }""";

    private static string Neutron(string kind, string message) =>
        $$"""{"NeutronError": {"type": "{{kind}}", "message": "{{message}}", "detail": ""} }""";
}
