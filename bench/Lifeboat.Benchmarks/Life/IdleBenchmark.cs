// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Benchmarks.Opening;

namespace Lifeboat.Benchmarks.Life;

/// <summary>
/// What agents have in memory that have nothing to do: without groups, and with disks that nobody writes to.
/// </summary>
internal static class IdleBenchmark
{
    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var disks = smoke ? 2 : (int)Figures.Number(options, "--disks", 64);
        // Some of it is given back when nothing has happened for some seconds, and at most once a minute.
        var rest = TimeSpan.FromSeconds(smoke ? 0.2 : Figures.Number(options, "--rest", 75));
        Console.WriteLine($"MiB in memory after {rest.TotalSeconds} s: all, of these shared with files");
        await MeasureAsync("no groups", disks: 0, writes: TimeSpan.Zero, rest);
        await MeasureAsync($"{disks} disks, never written to", disks, writes: TimeSpan.Zero, rest);
        await MeasureAsync($"{disks} disks, written to before", disks, TimeSpan.FromSeconds(smoke ? 0.2 : 5), rest);
        return 0;
    }

    private static async Task MeasureAsync(string what, int disks, TimeSpan writes, TimeSpan rest)
    {
        var folder = Directory.CreateTempSubdirectory("lbi").FullName;
        try
        {
            await using var fleet = await HeldFleet.StartAsync(folder, agents: 1, disks);
            if (writes > TimeSpan.Zero)
            {
                fleet.BeginWriting();
                await Task.Delay(writes);
                await fleet.EndWritingAsync();
                if (fleet.Writes == 0) throw new InvalidOperationException("nothing was written");
            }
            await Task.Delay(rest);
            var qemu = fleet.Qemu is { } id
                ? $", QEMU {fleet.QemuBefore:F0}, protected {Figures.ResidentMegabytes(id):F0}" : "";
            Console.WriteLine($"{what,-30} source {Of(fleet.SourceAgent)}, recovery {Of(fleet.RecoveryAgent)}{qemu}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Of(int agent) =>
        $"{Figures.ResidentMegabytes(agent):F0} ({Figures.ResidentMegabytes(agent, "RssFile"):F0})";
}
