// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Benchmarks.Nbd;

internal sealed record Workload(string Name, bool Write, bool Sequential, int Block, int Depth)
{
    public static readonly IReadOnlyList<Workload> All =
    [
        new("4k randwrite qd1", true, false, 4096, 1),
        new("4k randwrite qd16", true, false, 4096, 16),
        new("4k randwrite qd32", true, false, 4096, 32),
        new("256k seqwrite qd8", true, true, 256 * 1024, 8),
        new("4k randread qd16", false, false, 4096, 16),
    ];
}

/// <param name="OpsPerSecond">Requests answered per second of wall clock.</param>
/// <param name="P50Microseconds">Median time of a request, from its send to its answer.</param>
/// <param name="CpuMicrosecondsPerOp">CPU of all the server's threads.</param>
internal readonly record struct Sample(double OpsPerSecond, double P50Microseconds, double CpuMicrosecondsPerOp);
