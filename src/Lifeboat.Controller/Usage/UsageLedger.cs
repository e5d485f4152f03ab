// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.Policies;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Usage;

// What groups use, by the day. Each thing is metered at one site, so that the reports of both add up:
//
//   where the instances run    size of the protected volumes x time; bytes written and sent, by the agent's counters
//   where the replica is       journal and volumes that points can be opened of x time
//   where a run was            instances of drills and of recovery x time
//
// Invariants: what is by time goes on from the mark, which is written in the same transaction; more than half a minute
// since the mark is unobserved and counts nothing. A counter counts what it grew since the value that was stored with
// it; one with another id began at zero. What a drill used is written whole each time, so that it cannot double.
internal sealed class UsageLedger(ControllerDatabase database) : IWatcher
{
    // Length of each group's journal at the look before. It grows for a long time and evenly: what it had between two
    // looks is the mean of both; the newer one alone would count too much, always.
    private readonly Dictionary<string, long> _journals = [];

    public Task SeeAsync(Observation now, CancellationToken ct)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        var rows = new UsageRows(transaction);
        // Another controller watched meanwhile.
        if (now.IsFirst) _journals.Clear();
        foreach (var run in now.Runs) Note(rows, run, now.At);
        var (marks, recovering) = (rows.Marks(), rows.Recovering());
        var totals = now.Totals.ToLookup(t => t.Group);
        foreach (var group in now.Groups)
        {
            var name = group.Definition.Name;
            if (marks.Remove(name, out var mark)) ByTime(rows, now, group, mark, recovering);
            rows.Mark(name, now.At);
            if (now.ReplicaOf(group) is { } replica) _journals[name] = replica.JournalBytes;
            else _journals.Remove(name);
            foreach (var counted in totals[name]) Count(rows, group.Definition, counted.Totals, now.At);
        }
        foreach (var gone in marks.Keys)
        {
            rows.Forget(gone);
            _journals.Remove(gone);
        }
        rows.Flush();
        transaction.Commit();
        return Task.CompletedTask;
    }

    /// <summary>Removes the days before this.</summary>
    /// <returns>How many rows; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM usage_days WHERE (name, day, meter) IN (SELECT name, day, meter FROM usage_days
                WHERE day < @day ORDER BY day LIMIT @most)
            """, new { day = Slices.Day(before), most }) + connection.Execute("""
            DELETE FROM usage_drills WHERE (run, day) IN (SELECT run, day FROM usage_drills
                WHERE day < @day LIMIT @most)
            """, new { day = Slices.Day(before), most });
    }

    /// <param name="recovering">Since when instances run in recovery here, by group.</param>
    private void ByTime(UsageRows rows, Observation now, GroupInfo group, DateTimeOffset mark,
        Dictionary<string, DateTimeOffset> recovering)
    {
        var definition = group.Definition;
        var observed = now.At - mark <= SiteWatch.GapLimit;
        var volumes = definition.Volumes.Sum(v => v.SizeBytes);
        var isPrimary = definition.PrimarySite == now.Site;
        var replica = now.ReplicaOf(group);
        var journal = _journals.GetValueOrDefault(definition.Name, replica?.JournalBytes ?? 0);
        foreach (var (day, length) in Slices.Days(mark, now.At))
        {
            rows.Add(definition, day, observed ? Meter.Observed : Meter.Unobserved, (long)length.TotalMilliseconds);
            if (!observed) continue;
            if (isPrimary && group.State is not (GroupState.FailedOver or GroupState.Diverged))
                rows.Add(definition, day, Meter.Protected, KibSeconds(volumes, length));
            if (replica is null) continue;
            rows.Add(definition, day, Meter.Journal, KibSeconds((journal + replica.JournalBytes) / 2, length));
            if (replica.Newest is not null) rows.Add(definition, day, Meter.Points, KibSeconds(volumes, length));
        }
        if (!isPrimary || !recovering.TryGetValue(definition.Name, out var since)) return;
        // Instances run on while no controller looks: where the group is primary still, they ran here all the time.
        foreach (var (day, length) in Slices.Days(since > mark ? since : mark, now.At))
            rows.Add(definition, day, Meter.Recovery, (long)length.TotalMilliseconds * Instances(definition));
    }

    private static void Count(UsageRows rows, GroupDefinition group, SourceTotals totals, DateTimeOffset now)
    {
        // What is read in moments was not captured: then what was shipped is what had changed.
        var changed = group.Policy.Source is ChangeSource.Continuous ? totals.CapturedBytes : totals.ShippedBytes;
        var (lastChanged, lastWire) = rows.Counter(group.Name, totals.Id);
        if (changed <= lastChanged && totals.WireBytes <= lastWire) return;
        rows.Add(group, Slices.Day(now), Meter.Changed, Math.Max(0, changed - lastChanged));
        rows.Add(group, Slices.Day(now), Meter.Wire, Math.Max(0, totals.WireBytes - lastWire));
        // A killed agent may begin a little below what it had said: that was counted.
        rows.SaveCounter(group.Name, totals.Id, Math.Max(changed, lastChanged), Math.Max(totals.WireBytes, lastWire));
    }

    private static void Note(UsageRows rows, Run run, DateTimeOffset now)
    {
        // Kept: the run is older than those of the first look when a controller starts months later.
        if (InstanceTime.IsMove(run)) rows.SaveMove(run, InstanceTime.OfRecovery(run));
        if (InstanceTime.OfDrill(run, now) is not var (from, to)) return;
        foreach (var (day, length) in Slices.Days(from, to))
            rows.SaveDrill(run, Tenants.Of(run.Before), day,
                (long)length.TotalMilliseconds * Instances(run.Before));
    }

    private static int Instances(GroupDefinition group) =>
        group.Members.Count(m => m.Kind is MemberKind.Replicated or MemberKind.Stateless);

    private static long KibSeconds(long bytes, TimeSpan length) =>
        (long)Math.Round(bytes / 1024.0 * length.TotalSeconds);
}
