// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites;

public sealed class SiteDriversTests
{
    [Fact]
    public void An_unknown_driver_is_refused_and_the_known_ones_are_named()
    {
        var refused = Assert.Throws<SiteException>(() => SiteDrivers.Shipped()
            .Open("vax", new SiteSetting("/nowhere"), TimeProvider.System, NullLoggerFactory.Instance));
        Assert.Equal(SiteFault.Refused, refused.Fault);
        Assert.Contains(string.Join(", ", SiteDrivers.Shipped().Names), refused.Message, StringComparison.Ordinal);
    }
}
