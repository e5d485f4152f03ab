// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Tests.Agent;

public sealed class SitePathsTests
{
    [Fact]
    public void What_no_backup_may_bring_back_is_not_with_the_site_and_each_site_of_a_host_has_its_own()
    {
        var (a, b) = (new SitePaths("/srv/a"), new SitePaths("/srv/b"));

        Assert.StartsWith("/run/lifeboat/", a.Volatile, StringComparison.Ordinal);
        Assert.NotEqual(a.Volatile, b.Volatile);
        Assert.Equal(a.Volatile, new SitePaths("/srv/../srv/a").Volatile);
    }
}
