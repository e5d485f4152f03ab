// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>Compares what is on the disks with what the witness had heard.</summary>
internal static class LossCount
{
    /// <summary>The runs that owe something to these disks, by the time of their last acknowledgement.</summary>
    public static IReadOnlyList<OracleRunProof> ByRun(CutProof cut, OracleExpectation expectation) =>
        expectation.Witness is not { } witness ? []
        : witness.Runs(expectation.Guest)
            .Where(run => !expectation.OtherRuns.Contains($"{run.Run:x16}"))
            .Where(run => run.Set == 0 || cut.Set is null || run.Set == cut.Set)   // 0: its boot report was not heard
            .Select(run => (Run: run, Acked: run.LastAcked(expectation.CutAt)))
            .Where(r => r.Acked is not null)
            .OrderBy(r => r.Acked!.Value.At)
            .Select(r => Compare(cut, r.Run, r.Acked!.Value)).ToArray();

    public static IEnumerable<OracleFinding> Judge(
        CutProof cut, IReadOnlyList<OracleRunProof> runs, OracleExpectation expectation)
    {
        for (var i = 0; i < runs.Count; i++) yield return JudgeLoss(runs[i], i == runs.Count - 1, expectation);
        if (expectation is { Witness: not null, LostMax: not null } && runs.Count == 0)
            yield return new OracleFinding(OracleProperty.Loss, false,
                $"the witness never heard of {expectation.Guest}, so no loss can be excluded");
        if (expectation is { Witness: { } witness, NothingAfter: { } limit })
            yield return JudgeNothingAfter(cut, witness, limit, expectation);
        if (expectation.MustEndWithMark)
            yield return new OracleFinding(OracleProperty.EndsWithMark, cut.EndsWithMark,
                $"record {cut.Newest} is {(cut.EndsWithMark ? "" : "not ")}the mark of a freeze");
    }

    private static OracleRunProof Compare(CutProof cut, WitnessRun run, WitnessAck acked)
    {
        // A run without a record here is lost from its start, unless its records have been overwritten since.
        var newest = cut.NewestOf(run.Run) ?? (acked.N < cut.Oldest ? acked.N : run.LastAtBoot);
        var lost = Math.Max(0, acked.N - newest);
        var since = run.AckedAt(newest) ?? run.BootedAt;
        return new OracleRunProof($"{run.Run:x16}", run.Generation, newest, acked.N, lost,
            lost == 0 ? TimeSpan.Zero : acked.At - since);
    }

    private static OracleFinding JudgeLoss(OracleRunProof run, bool interrupted, OracleExpectation expectation)
    {
        var holds = !interrupted || expectation.LostMax is not { } most || run.Lost <= most;
        var allowed = interrupted && expectation.LostMax is { } max ? $", allowed are {max}" : "";
        return new OracleFinding(OracleProperty.Loss, holds,
            $"generation {run.Generation}: {run.Lost} acknowledged records lost " +
            $"({run.LostTime.TotalSeconds:F3} s){allowed}; " +
            $"on disk up to {run.NewestOnDisk}, acknowledged up to {run.NewestAcked}");
    }

    private static OracleFinding JudgeNothingAfter(
        CutProof cut, WitnessHistory witness, DateTimeOffset limit, OracleExpectation expectation)
    {
        var heard = witness.Runs(expectation.Guest)
            .Where(run => !expectation.OtherRuns.Contains($"{run.Run:x16}"))
            .Select(run => run.LastAcked(limit)).OfType<WitnessAck>()
            .OrderBy(ack => ack.At).Select(ack => ack.N).LastOrDefault();
        var holds = cut.Newest <= heard + 1;   // the next one can have been durable and not yet reported
        return new OracleFinding(OracleProperty.NothingAfter, holds,
            $"the disks end at {cut.Newest}; {heard} had been acknowledged when the cut was over");
    }
}
