// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Benchmarks.Nbd;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>One QEMU under load, with what captures its writes.</summary>
/// <param name="Mirrored">A mirror must be there before and after each measurement.</param>
/// <param name="TargetProcess">Receives the writes; its CPU is counted.</param>
/// <param name="SettleAsync">Until the case has nothing left to do; false when capture was given up.</param>
internal sealed record CaptureCase(
    string Name, LoadedQemu Qemu, bool Mirrored, int? TargetProcess, Func<Task<bool>>? SettleAsync = null)
{
    public async Task<Sample> MeasureAsync(Workload workload, TimeSpan length)
    {
        using var client = new LoadClient(Qemu.LoadSocket, workload, LoadedQemu.DiskBytes);
        client.Run(TimeSpan.FromMilliseconds(50));
        var before = Cpu();
        var (ops, seconds, p50) = client.Run(length);
        var cpu = Cpu() - before;
        if (SettleAsync is { } settle && !await settle() || Mirrored && !await Qemu.IsMirroringAsync())
            throw new InvalidOperationException($"{Name}: capture ended under this load, so this is no measurement");
        return new Sample(ops / seconds, p50, cpu / 1000.0 / ops);
    }

    private long Cpu() => TargetProcess is { } process ? MeasuredServer.CpuNanoseconds(process) : 0;
}
