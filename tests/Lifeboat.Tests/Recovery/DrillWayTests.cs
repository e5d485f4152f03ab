// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Tests.Controller;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Recovery;

/// <summary>Ways into a drill, as somebody asks for them.</summary>
public sealed class DrillWayTests
{
    [Theory]
    [InlineData("web:443@192.0.2.0/24", "web", 443, "192.0.2.0/24")]
    [InlineData("db-1:5432@192.0.2.7/32", "db-1", 5432, "192.0.2.7/32")]
    public void One_is_an_instance_a_port_and_who_may(string text, string instance, int port, string from)
    {
        var (way, problem) = DrillWay.Parse(text);
        Assert.Null(problem);
        Assert.Equal(new DrillWay(instance, port, from), way);
        Assert.Equal(text, way!.ToString());
    }

    [Theory]
    [InlineData("web:443", "it must be INSTANCE:PORT@CIDR")]
    [InlineData("web@192.0.2.0/24", "it must be INSTANCE:PORT@CIDR")]
    [InlineData(":443@192.0.2.0/24", "it must be INSTANCE:PORT@CIDR")]
    [InlineData("web:0@192.0.2.0/24", "'0' is no TCP port")]
    [InlineData("web:70000@192.0.2.0/24", "'70000' is no TCP port")]
    [InlineData("web:443@192.0.2.7", "is no range of IPv4 addresses")]
    [InlineData("web:443@2001:db8::/32", "it must be INSTANCE:PORT@CIDR|is no TCP port|is no range")]
    [InlineData("web:443@anybody", "is no range of IPv4 addresses")]
    public void What_is_none_is_told(string text, string says)
    {
        var (way, problem) = DrillWay.Parse(text);
        Assert.Null(way);
        Assert.Contains(says.Split('|'), s => problem!.Contains(s, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_drill_that_is_held_opens_them_and_says_where_they_lead()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var drill = new StartRunRequest { Kind = RunKind.TestFailover, Ways = ["db1:8080@192.0.2.0/24"] };
        await RefusedAsync(ReasonCode.InvalidRequest, () => sites.B.Client.StartRunAsync("shop", drill, Ct));
        await RefusedAsync(ReasonCode.InvalidRequest, () => sites.B.Client.StartRunAsync("shop", drill with
        {
            Hold = TimeSpan.FromSeconds(1), Ways = ["nobody:80@0.0.0.0/0"],
        }, Ct));
        await RefusedAsync(ReasonCode.InvalidRequest, () => sites.B.Client.StartRunAsync("shop", drill with
        {
            Kind = RunKind.Failover, SourceIsDead = true,
        }, Ct));
        var run = await sites.B.Client.StartRunAsync("shop", drill with { Hold = TimeSpan.FromSeconds(1) }, Ct);
        var last = run;
        await foreach (var change in sites.B.Client.WatchRunAsync(run.Id, Ct)) last = change;
        Assert.Equal(RunState.Succeeded, last.State);
        var step = Assert.Single(last.Steps, s => s.Name == "open-ways");
        Assert.StartsWith("db1:8080 is reached at 169.254.1.2:8080 from 192.0.2.0/24, until",
            Assert.Single(step.Evidence));
    }
}
