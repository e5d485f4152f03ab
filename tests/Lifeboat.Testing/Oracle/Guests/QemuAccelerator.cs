// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Finds out whether KVM runs code here. That /dev/kvm opens proves nothing: on nested hosts the first instruction may
/// hang. So a firmware of three instructions has to run, and to end QEMU with its own exit code, within seconds.
/// </summary>
public static class QemuAccelerator
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);
    private static readonly SemaphoreSlim Once = new(1);
    private static string? _found;

    /// <summary>`kvm` or `tcg`; probed once per process.</summary>
    public static async Task<string> ProbeAsync(CancellationToken ct)
    {
        await Once.WaitAsync(ct);
        try
        {
            return _found ??= File.Exists("/dev/kvm") && await KvmRunsCodeAsync(ct) ? "kvm" : "tcg";
        }
        finally
        {
            Once.Release();
        }
    }

    private static async Task<bool> KvmRunsCodeAsync(CancellationToken ct)
    {
        var firmware = new byte[64 << 10];
        // At the reset vector: mov al, 0x10; out 0xf4, al; hlt. The exit device answers with (0x10 << 1) | 1.
        ReadOnlySpan<byte> code = [0xb0, 0x10, 0xe6, 0xf4, 0xf4];
        code.CopyTo(firmware.AsSpan(0xfff0));
        var file = Path.GetTempFileName();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Limit);
        try
        {
            await File.WriteAllBytesAsync(file, firmware, ct);
            string[] arguments = ["-accel", "kvm", "-machine", "pc", "-cpu", "host", "-m", "16", "-nodefaults",
                "-display", "none", "-bios", file, "-device", "isa-debug-exit,iobase=0xf4,iosize=1"];
            return (await HostCommand.RunAsync("qemu-system-x86_64", arguments, limit.Token)).ExitCode == 0x21;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            File.Delete(file);
        }
    }
}
