// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Benchmarks;

internal static class Figures
{
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <param name="share">0 to 1: the value that this share of all does not exceed.</param>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[(int)Math.Clamp(Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    public static double Number(string[] options, string name, double otherwise)
    {
        var at = Array.IndexOf(options, name);
        return at >= 0 && at + 1 < options.Length
            ? double.Parse(options[at + 1], CultureInfo.InvariantCulture)
            : otherwise;
    }

    public static string Text(string[] options, string name, string otherwise)
    {
        var at = Array.IndexOf(options, name);
        return at >= 0 && at + 1 < options.Length ? options[at + 1] : otherwise;
    }

    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    /// <summary>Megabytes that a process has in memory.</summary>
    /// <param name="which">A line of its status: `RssFile` are those that it shares with files.</param>
    public static double ResidentMegabytes(int processId, string which = "VmRSS") =>
        long.Parse(File.ReadAllLines($"/proc/{processId}/status")
            .First(line => line.StartsWith($"{which}:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
}
