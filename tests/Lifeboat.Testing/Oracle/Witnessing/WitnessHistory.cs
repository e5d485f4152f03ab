// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Everything a witness has heard, by guest and run. Fed by a <see cref="Witness"/> or from a log; any thread may ask.
/// </summary>
public sealed class WitnessHistory
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Guest, ulong Run), Growing> _runs = [];
    private readonly List<(string Guest, DateTimeOffset At, string Text)> _bad = [];
    private TaskCompletionSource _changed = New();

    /// <summary>Takes in one report. Repeated and older ones change nothing.</summary>
    public void Add(string guest, DateTimeOffset at, WitnessReport report)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (report.Verb == ReportVerb.Bad) _bad.Add((guest, at, report.Text));
            else AddToRun(guest, at, report);
            changed = _changed;
            _changed = New();
        }
        changed.TrySetResult();
    }

    /// <summary>The runs of a guest, oldest generation first; two copies of one guest can share a generation.</summary>
    public IReadOnlyList<WitnessRun> Runs(string guest)
    {
        lock (_lock)
        {
            return _runs.Where(r => r.Key.Guest == guest).Select(r => r.Value.Snapshot())
                .OrderBy(r => r.Generation).ThenBy(r => r.BootedAt).ToArray();
        }
    }

    public IReadOnlyList<string> Guests()
    {
        lock (_lock)
            return _runs.Keys.Select(k => k.Guest).Concat(_bad.Select(b => b.Guest)).Distinct().Order().ToArray();
    }

    /// <summary>What guests said about disks they found inconsistent. Empty is the only good answer.</summary>
    public IReadOnlyList<string> Complaints(string guest)
    {
        lock (_lock) return _bad.Where(b => b.Guest == guest).Select(b => b.Text).ToArray();
    }

    /// <summary>The run that reported last; null when the guest never did.</summary>
    public WitnessRun? Latest(string guest) => Runs(guest).MaxBy(r => r.LastAcked()?.At ?? r.BootedAt);

    /// <summary>The longest write stall of a guest over all its runs.</summary>
    public WriteStall LongestStall(string guest, DateTimeOffset from, DateTimeOffset to) =>
        WriteStall.Longest(Runs(guest), from, to);

    /// <summary>Waits until something holds of what was heard; it is asked again after each report.</summary>
    public async Task WaitUntilAsync(Func<WitnessHistory, bool> holds, CancellationToken ct)
    {
        while (true)
        {
            Task changed;
            lock (_lock) changed = _changed.Task;   // taken before asking: a report in between is not missed
            if (holds(this)) return;
            await changed.WaitAsync(ct);
        }
    }

    /// <summary>Waits until the guest's newest run has so many more records than now, or than its first.</summary>
    public async Task<WitnessRun> WaitForAcksAsync(string guest, long more, CancellationToken ct)
    {
        var start = Latest(guest)?.LastAcked()?.N;
        await WaitUntilAsync(h => h.Latest(guest) is { } run && run.LastAcked() is { } ack
            && ack.N - (start ?? run.LastAtBoot) >= more, ct);
        return Latest(guest)!;
    }

    private void AddToRun(string guest, DateTimeOffset at, WitnessReport report)
    {
        if (!_runs.TryGetValue((guest, report.Run), out var run))
        {
            run = new Growing(guest, report.Run, report.Generation, at);
            _runs.Add((guest, report.Run), run);
        }
        switch (report.Verb)
        {
            case ReportVerb.Boot:
                run.Set = report.Set;
                run.LastAtBoot = report.N;
                break;
            case ReportVerb.Stop:
                run.Stopped = at;
                break;
            case ReportVerb.Ack or ReportVerb.Mark when run.Acks.Count == 0 || run.Acks[^1].N < report.N:
                run.Acks.Add(new WitnessAck(report.N, at, report.GuestMs, report.Verb == ReportVerb.Mark));
                break;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Growing(string guest, ulong run, long generation, DateTimeOffset bootedAt)
    {
        public ulong Set { get; set; }
        public long LastAtBoot { get; set; }
        public DateTimeOffset? Stopped { get; set; }
        public AppendOnlyList<WitnessAck> Acks { get; } = new();

        public WitnessRun Snapshot() =>
            new(guest, Set, run, generation, LastAtBoot, bootedAt, Stopped, Acks.Snapshot());
    }
}
