// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Sites;

/// <summary>`runs` of `site.json`: how patient the site's runs are.</summary>
public sealed record RunLimits
{
    public static readonly RunLimits Default = new();

    /// <summary>How long a step is begun again while the cloud that the site is does not answer, or only that it
    /// cannot; `hh:mm:ss`, up to a day. Cleaning up and undoing have a minute or so, whatever is said here.</summary>
    public TimeSpan OutageLimit { get; init; } = TimeSpan.FromMinutes(5);

    public IEnumerable<string> Problems()
    {
        if (OutageLimit < TimeSpan.Zero || OutageLimit > TimeSpan.FromDays(1))
            yield return $"runs.outageLimit is {OutageLimit}; allowed is 00:00:00 to 1.00:00:00";
    }
}
