// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Tests.Controller;

public sealed class RbdSettingsTests
{
    [Fact]
    public void All_that_is_wrong_is_told_at_once_and_a_pool_is_all_that_is_needed()
    {
        var site = new SiteConfiguration { Name = "b", ReplicaFormat = "rbd" };
        Assert.Contains("rbd is missing", Assert.Single(site.Problems()));
        Assert.Empty((site with { Rbd = new RbdSettings { Pool = "lifeboat" } }).Problems());
        var wrong = new RbdSettings
        {
            Pool = "a/b", Namespace = "", ConfigurationFile = "ceph.conf", User = "client.x", AnswerSeconds = 0,
        };
        Assert.Equal(5, (site with { Rbd = wrong }).Problems().Count());
    }
}
