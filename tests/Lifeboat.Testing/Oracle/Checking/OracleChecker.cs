// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Proves from recovered disks what they are worth. Everything is read from private copies (or read only), no opinion
/// of the product enters: the disks, the tools of the file systems and the witness's log are the only sources.
/// </summary>
public static class OracleChecker
{
    /// <param name="images">All disks of the guest, in any order.</param>
    public static async Task<OracleProof> CheckAsync(
        IReadOnlyList<OracleImage> images, OracleExpectation expectation, CancellationToken ct)
    {
        var work = Directory.CreateDirectory(Path.Combine(expectation.WorkDirectory, $"oracle-{Guid.NewGuid():N}"));
        try
        {
            var findings = new List<OracleFinding>();
            var disks = new List<DiskLedger>();
            foreach (var image in images) disks.Add(await ReadAsync(image, disks.Count, work, findings, ct));
            var cut = new CutProof(disks);
            findings.AddRange(cut.Findings);
            var runs = LossCount.ByRun(cut, expectation);
            findings.AddRange(LossCount.Judge(cut, runs, expectation));
            var set = cut.Set is { } id ? $"{id:x16}" : "";
            return new OracleProof(findings, set, cut.Oldest, cut.Newest, cut.EndsWithMark, runs);
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static async Task<DiskLedger> ReadAsync(
        OracleImage image, int index, DirectoryInfo work, List<OracleFinding> findings, CancellationToken ct)
    {
        var kind = image.FileSystem ?? await FileSystemCheck.DetectAsync(image.Path, ct);
        var name = $"disk {index} ({kind.ToString().ToLowerInvariant()}, {Path.GetFileName(image.Path)})";
        var oracleFile = image.Path;
        if (kind != OracleFileSystem.Raw)
        {
            var own = work.CreateSubdirectory($"{index}").FullName;
            var copy = Path.Combine(own, "copy.img");
            await HostCommand.MustAsync("cp", ["--sparse=always", "--reflink=auto", image.Path, copy], ct);
            var check = await FileSystemCheck.RunAsync(kind, copy, own, ct);
            findings.Add(new OracleFinding(OracleProperty.FileSystem, check.Problem is null,
                $"{name}: {check.Problem ?? "clean after journal replay"}", index));
            if (check.OracleFile is null) return new DiskLedger(name, null, [], null, []);
            oracleFile = check.OracleFile;
        }
        await using var file = new FileStream(oracleFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        var ledger = await DiskLedger.ReadAsync(name, file, ct);
        findings.AddRange(ledger.Problems.Select(p => new OracleFinding(OracleProperty.Prefix, false, p, index)));
        if (ledger.Problems.Count == 0)
            findings.Add(new OracleFinding(OracleProperty.Prefix, true, Describe(ledger), index));
        return ledger;
    }

    private static string Describe(DiskLedger ledger) => ledger.Records switch
    {
        [] => $"{ledger.Name}: no record",
        [var first, .., var last] =>
            $"{ledger.Name}: {last.Ordinal - first.Ordinal + 1} records, {first.N} to {last.N}",
        [var only] => $"{ledger.Name}: 1 record, {only.N}",
    };
}
