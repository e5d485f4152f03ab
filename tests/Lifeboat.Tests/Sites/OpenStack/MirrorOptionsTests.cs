// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Mirrors;

namespace Lifeboat.Tests.Sites.OpenStack;

public sealed class MirrorOptionsTests
{
    private static readonly MirrorOptions Ceph = new() { VolumeType = "ceph", Host = "c1@ceph#ceph" };

    [Fact]
    public void A_mirror_is_of_a_pool_that_the_options_know() => Assert.Empty(With(Ceph, null).Problems());

    [Fact]
    public void All_that_is_wrong_is_said_at_once()
    {
        var problems = With(Ceph with { VolumeType = "nfs", Host = "c1", ArrivalLimit = TimeSpan.Zero }, null)
            .Problems().ToList();
        Assert.Equal(3, problems.Count);
        Assert.All(problems, p => Assert.StartsWith("options.mirror.", p));
        Assert.Contains("namespace", Assert.Single(With(Ceph, "tenants").Problems()));
    }

    private static OpenStackSiteOptions With(MirrorOptions mirror, string? space) => new()
    {
        Mirror = mirror,
        Volumes = new Dictionary<string, VolumePlace>
        {
            ["ceph"] = new() { Rbd = new RbdSettings { Pool = "volumes", User = "cinder", Namespace = space } },
        },
    };
}
