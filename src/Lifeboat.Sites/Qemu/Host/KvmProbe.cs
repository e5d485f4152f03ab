// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;

namespace Lifeboat.Sites.Qemu.Host;

/// <summary>
/// Whether guests really run under KVM here. That /dev/kvm opens proves nothing, and neither do a few real-mode
/// instructions: there are hosts (nested without hardware help) where those run, and the guest hangs as soon as it
/// turns paging on, or QEMU aborts on a CPU model's registers. So the probe is a ROM of our own that goes from reset
/// through protected mode into long mode with paging and reports from there through `isa-debug-exit`; it takes some 50
/// ms.
/// </summary>
public sealed class KvmProbe(string program, TimeProvider time)
{
    private const int RomBytes = 64 << 10;
    private const int ResetVector = 0xFFF0;
    // `out 0xf4, al` with al = 0x10 ends QEMU with (0x10 << 1) | 1.
    private const int Reported = 33;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    // From `cli` at F000:0000: load the table of segments behind the code, set CR0.PE, jump to 32-bit code; clear three
    // pages at 0x1000 and map the first 2 MiB; CR3, CR4.PAE, EFER.LME, CR0.PG; jump to 64-bit code; out 0xf4; hlt.
    private const string Code =
        "fa2e660f0116a8000f20c06683c8010f22c066ea1a000f00080066b810008ed88ec08ed0bf0010000031c0b9000c0000"
        + "f3abc7050010000003200000c7050020000003300000c7050030000083000000b8001000000f22d80f20e083c8200f22"
        + "e0b9800000c00f320d000100000f300f20c00d000000800f22c0ea81000f001800b010e6f4f466900000000000000000"
        + "ffff0000009acf00ffff00000092cf00ffff0000009aaf001f0088000f00";

    private readonly ConcurrentDictionary<string, Task<bool>> _byModel = new(StringComparer.Ordinal);

    /// <summary>Asked once per CPU model and process; KVM that works for one model may abort with another.</summary>
    public Task<bool> WorksAsync(string cpuModel) => _byModel.GetOrAdd(cpuModel, model => TryAsync(model, "kvm"));

    /// <summary>The same ROM under emulation: shows that a "no" comes from KVM and not from the probe.</summary>
    internal Task<bool> WorksEmulatedAsync(string cpuModel) => TryAsync(cpuModel, "tcg");

    private async Task<bool> TryAsync(string cpuModel, string accelerator)
    {
        if (accelerator == "kvm" && !File.Exists("/dev/kvm")) return false;
        var rom = Path.Combine(Path.GetTempPath(), $"lifeboat-kvm-{Guid.NewGuid():n}.rom");
        await File.WriteAllBytesAsync(rom, Rom(), CancellationToken.None);
        using var late = new CancellationTokenSource(Limit, time);
        try
        {
            var ended = await Tool.RunAsync(program,
            [
                "-accel", accelerator, "-cpu", cpuModel, "-machine", "pc", "-m", "16", "-no-user-config", "-nodefaults",
                "-display", "none", "-bios", rom, "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
            ], late.Token);
            return ended.ExitCode == Reported;
        }
        catch (OperationCanceledException)
        {
            return false;   // it hung: that is an answer
        }
        finally
        {
            File.Delete(rom);
        }
    }

    private static byte[] Rom()
    {
        var rom = new byte[RomBytes];
        rom.AsSpan().Fill(0xF4);   // hlt
        Convert.FromHexString(Code).CopyTo(rom, 0);
        const int back = RomBytes - (ResetVector + 3);
        rom[ResetVector] = 0xE9;   // jmp to 0
        rom[ResetVector + 1] = back & 0xFF;
        rom[ResetVector + 2] = back >> 8;
        return rom;
    }
}
