// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Replication.Linking;

/// <summary>
/// One group's part of a link, for the time of a session. Its fields are the budget's, under its lock.
/// </summary>
internal sealed class LinkShare(LinkBudget budget, string tenant, Func<LinkPriority> priority) : IDisposable
{
    public string Tenant => tenant;

    public double Weight => priority() switch
    {
        LinkPriority.High => 4,
        LinkPriority.Normal => 1,
        LinkPriority.Low => 0.25,
    };

    public bool Waits { get; set; }
    public double Tag { get; set; }
    public double NextTag { get; set; }
    /// <summary>The same in the queue of its tenant, where that has a cap.</summary>
    public bool WaitsInTenant { get; set; }
    public double TenantTag { get; set; }
    public double TenantNextTag { get; set; }
    /// <summary>Timestamp after which a share that waits counts as gone.</summary>
    public long AsksBefore { get; set; }

    /// <summary>The link is to go over others: connect anew.</summary>
    public Signal PathsChanged { get; } = new();

    public TimeSpan Ask() => budget.Ask(this);
    public void Spend(int bytes) => budget.Spend(this, bytes);
    public void Dispose() => budget.Leave(this);
}
