// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

/// <summary>
/// Opens points and lets the oracle judge them: file systems whole, every disk an unbroken run of records, all disks
/// of one moment, every record there that was acknowledged before the cut, none that came later.
/// </summary>
internal sealed class PointProver(TortureField field, Prng prng)
{
    // A record is durable before the witness hears of it.
    private static readonly TimeSpan Hearsay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ListLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan ReadLimit = TimeSpan.FromMinutes(4);
    private readonly PointReader _reader = new(field);
    private int _begun, _passed, _failed, _expired;

    public int Passed => _passed;
    public int Failed => _failed;
    public int Expired => _expired;

    /// <summary>A point now and then, also in the middle of a storm; half of the time the newest.</summary>
    /// <param name="over">The proof under way is still brought to its end.</param>
    public async Task RunAsync(CancellationToken over, CancellationToken ct)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(prng.Next(1000, 5000)), field.Time, over)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (over.IsCancellationRequested) return;
            try
            {
                var points = await _reader.PointsAsync(ListLimit, ct);
                if (points.Count > 0) await ProveAsync(prng.Chance(0.5) ? points[^1] : prng.Pick(points), ct);
            }
            catch (ProblemException e)
            {
                field.Log.Violation($"site b's points could not be had: {e.Reason} {e.Message} {e.Detail}");
            }
        }
    }

    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(CancellationToken ct) =>
        _reader.PointsAsync(ListLimit, ct);

    /// <summary>False: it did not hold, or could not be opened although it must be there.</summary>
    public async Task<bool> ProveAsync(RecoveryPoint point, CancellationToken ct)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"proof-{++_begun}");
        var folder = Path.Combine(field.Options.Directory, name);
        IReadOnlyList<string> files;
        try
        {
            files = await _reader.ReadAsync(point, name, folder, ReadLimit, ct);
        }
        catch (ProblemException e)
        {
            Directory.Delete(folder, recursive: true);
            if (e.Reason == ReasonCode.PointUnknown
                && field.Time.GetUtcNow() - point.CutAt > TortureOptions.Retention)
            {
                _expired++;
                return true;
            }
            _failed++;
            field.Log.Violation($"sealed point {point.Id} at {point.Sequence}, cut {point.CutAt:O}, cannot be "
                + $"opened: {e.Reason} {e.Message} {e.Detail}");
            return false;
        }
        catch (OperationCanceledException)
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
        return await JudgeAsync(point, name, folder, files, ct);
    }

    private async Task<bool> JudgeAsync(
        RecoveryPoint point, string name, string folder, IReadOnlyList<string> files, CancellationToken ct)
    {
        var images = files.Zip(field.Options.Disks, (f, d) => new OracleImage(f, d.FileSystem)).ToArray();
        var proof = await OracleChecker.CheckAsync(images, new OracleExpectation
        {
            Guest = TortureOptions.Guest,
            Witness = field.History,
            CutAt = point.CutAt,
            LostMax = 0,
            NothingAfter = NothingAfter(point),
            MustEndWithMark = point.Consistency == Consistency.Application,
            WorkDirectory = field.Options.Directory,
        }, ct);
        var what = $"{point.Id} {point.Consistency} at {point.Sequence} cut {point.CutAt:HH:mm:ss.fff}: "
            + $"records {proof.Oldest} to {proof.Newest}";
        if (proof.Holds)
        {
            _passed++;
            field.Log.Write("proof", what);
            Directory.Delete(folder, recursive: true);
            return true;
        }
        _failed++;
        await KeepEvidenceAsync(folder, point, proof);
        field.Log.Violation($"{name} {what}: "
            + string.Join("; ", proof.Findings.Where(f => !f.Holds).Select(f => f.Text)));
        return false;
    }

    /// <summary>
    /// Null while the guest boots: what it wrote last before a reset nobody may have heard of.
    /// </summary>
    private DateTimeOffset? NothingAfter(RecoveryPoint point)
    {
        var limit = point.CutAt + Hearsay + field.Lateness.Within(point.CutAt, point.CutAt + 5 * Hearsay);
        var booting = field.Strikes.Near(point.CutAt - Hearsay, limit).Any(s => s.Family == StrikeFamily.Guest);
        return booting ? null : limit;
    }

    // Replicas and journals as they are now, logs, what the witness heard: enough to look for the reason later.
    private async Task KeepEvidenceAsync(string folder, RecoveryPoint point, OracleProof proof)
    {
        await File.WriteAllLinesAsync(Path.Combine(folder, "proof.txt"), proof.Lines(), CancellationToken.None);
        await File.WriteAllTextAsync(Path.Combine(folder, "point.json"),
            JsonSerializer.Serialize(point, ContractJson.Indented), CancellationToken.None);
        foreach (var (from, to) in ((string, string)[])
        [
            (field.Pair.B.Paths.Replicas, "b-replicas"), (field.Pair.B.Paths.Logs, "b-logs"),
            (field.Pair.A.Paths.Logs, "a-logs"), (Path.Combine(field.Options.Directory, "witness.log"), "witness.log"),
            (Path.GetDirectoryName(field.Vm.Options.Disks[0].Path)!, "guest"), (field.Log.Path, "torture.log"),
        ])
        {
            var copied = await HostCommand.RunAsync("cp", ["-r", "--sparse=always", from, Path.Combine(folder, to)],
                CancellationToken.None);
            if (copied.ExitCode != 0) field.Log.Write("evidence", copied.AllText.Trim());
        }
    }
}
