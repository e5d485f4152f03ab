// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>The oracle knows disks without partitions: of a cloud's boot disk it is given the second one.</summary>
internal static class PartitionedDisk
{
    /// <summary>Of the disks that `point export` wrote.</summary>
    public static async Task<IReadOnlyList<OracleImage>> OracleImagesAsync(string folder, CancellationToken ct)
    {
        var images = new List<OracleImage>();
        foreach (var file in Directory.GetFiles(folder, "*.img").Order(StringComparer.Ordinal))
            images.Add(new OracleImage(file.Contains(".vda", StringComparison.Ordinal)
                ? await SecondAsync(file, ct) : file));
        return images;
    }

    private static async Task<string> SecondAsync(string file, CancellationToken ct)
    {
        using var table = JsonDocument.Parse(await HostCommand.MustAsync("sfdisk", ["--json", file], ct));
        var part = table.RootElement.GetProperty("partitiontable").GetProperty("partitions")[1];
        await HostCommand.MustAsync("dd", [$"if={file}", $"of={file}.part2", "bs=512", "conv=sparse", "status=none",
            $"skip={part.GetProperty("start")}", $"count={part.GetProperty("size")}"], ct);
        return file + ".part2";
    }
}
