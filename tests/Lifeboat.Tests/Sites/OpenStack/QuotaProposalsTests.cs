// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Projects;
using Area = Lifeboat.Contracts.Sites.QuotaArea;

namespace Lifeboat.Tests.Sites.OpenStack;

public sealed class QuotaProposalsTests
{
    [Theory]
    [InlineData(40, 10, 2, 4, 40L)] // as it is there
    [InlineData(40, 10, 8, 50, 58L)] // as what is here and what comes need
    [InlineData(-1, 10, 0, 0, -1L)]
    [InlineData(5, 10, 0, 0, null)] // never lowered
    [InlineData(50, -1, 0, 90, null)]
    [InlineData(1, 10, 12, 0, 12L)] // more is in use than anybody allows
    public void A_quota_is_what_it_is_there_and_at_least_what_is_needed(long there, long here, long used, long more,
        long? wanted)
    {
        var proposal = Of([new ProjectQuota(Area.Compute, "cores", there)], more, new CloudQuota(here, used));
        Assert.Equal(wanted, proposal.Raises.SingleOrDefault()?.Limit);
        Assert.Equal(wanted is null ? 0 : 1, proposal.Changes.Count);
        Assert.Empty(proposal.Gaps);
    }

    [Theory]
    [InlineData(30, 30L, null)]
    [InlineData(9, null, "10 are in use here and 4 more are needed")]
    [InlineData(12, null, "10 are in use here and 4 more are needed")]
    [InlineData(-1, -1L, null)]
    public void What_the_operator_says_counts_unless_it_is_too_little(long said, long? wanted, string? gap)
    {
        var proposal = Of([new ProjectQuota(Area.Compute, "cores", 25)], 4, new CloudQuota(20, 10),
            new RecoveryMap { Quotas = new Dictionary<string, long> { ["compute.cores"] = said } });
        Assert.Equal(wanted, proposal.Raises.SingleOrDefault()?.Limit);
        if (gap is null) Assert.Empty(proposal.Gaps);
        else Assert.Contains(gap, Assert.Single(proposal.Gaps));
    }

    [Fact]
    public void Types_of_volumes_have_their_names_here_and_two_that_are_one_here_count_together()
    {
        var ten = new CloudQuota(10, 0);
        var here = Here(Area.Volumes, ("gigabytes_ssd", ten), ("volumes_ssd", ten));
        (string Resource, long Limit)[] there = [("gigabytes_fast", 100), ("gigabytes_faster", 50),
            ("volumes_fast", 100), ("volumes_faster", -1), ("gigabytes_tape", 5)];
        var proposal = QuotaProposals.Of([.. there.Select(t => new ProjectQuota(Area.Volumes, t.Resource, t.Limit))],
            QuotaNeeds.None, here, new RecoveryMap(), t => t.StartsWith("fast", StringComparison.Ordinal) ? "ssd" : t);
        Assert.Equal([("gigabytes_ssd", 150), ("volumes_ssd", -1)], proposal.Raises.Select(r => (r.Resource, r.Limit)));
        Assert.Contains("volumes.gigabytes_tape", Assert.Single(proposal.Notes));
    }

    [Fact]
    public void A_quota_that_nobody_knows_is_told_before_anything_is_set()
    {
        var proposal = Of([], 0, new CloudQuota(10, 0),
            new RecoveryMap { Quotas = new Dictionary<string, long> { ["compute.core"] = 3 } });
        Assert.Contains("compute.core", Assert.Single(proposal.Gaps));
        Assert.Empty(proposal.Raises);
    }

    private static QuotaProposal Of(IReadOnlyList<ProjectQuota> theirs, long more, CloudQuota here,
        RecoveryMap? told = null) => QuotaProposals.Of(theirs,
            more == 0 ? QuotaNeeds.None
                : new QuotaNeeds(new Dictionary<(Area, string), long> { [(Area.Compute, "cores")] = more }),
            Here(Area.Compute, ("cores", here)), told ?? new RecoveryMap(), t => t);

    private static Dictionary<Area, IReadOnlyDictionary<string, CloudQuota>> Here(Area area,
        params (string Resource, CloudQuota Quota)[] quotas) => new()
        {
            [area] = quotas.ToDictionary(q => q.Resource, q => q.Quota),
        };
}
