// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.Qemu;

public enum AcceleratorChoice { Auto = 1, Kvm = 2, Tcg = 3 }

/// <summary>Options of the embedded driver, under `options` in `site.json`.</summary>
public sealed record QemuSiteOptions
{
    public static readonly QemuSiteOptions Default = new();

    /// <summary>Name or path of the QEMU program.</summary>
    public string Program { get; init; } = "qemu-system-x86_64";
    /// <summary>`auto` uses KVM only where a probe guest really ran under it, else TCG.</summary>
    public AcceleratorChoice Accelerator { get; init; } = AcceleratorChoice.Auto;
    /// <summary>UEFI firmware code and variable template, for instances that boot by UEFI.</summary>
    public string UefiCode { get; init; } = "/usr/share/OVMF/OVMF_CODE_4M.fd";
    public string UefiVariables { get; init; } = "/usr/share/OVMF/OVMF_VARS_4M.fd";
    /// <summary>Until a new QEMU process answers on its monitor.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>How long QEMU may take to end by itself when stopped, before it is killed.</summary>
    public TimeSpan QuitLimit { get; init; } = TimeSpan.FromSeconds(5);
    /// <summary>How long the memory of an instance may take to another host before the move is given up.</summary>
    public TimeSpan MigrateLimit { get; init; } = TimeSpan.FromMinutes(10);
    /// <summary>
    /// How long guests wait for a view that went away (an agent that restarts) before they see an I/O error; seconds.
    /// </summary>
    public int ViewReconnectSeconds { get; init; } = 60;
    /// <summary>The same of an instance that is being started, which has time left to start then.</summary>
    internal int ViewOpenSeconds => (int)Math.Clamp(StartLimit.TotalSeconds / 2, 1, ViewReconnectSeconds);
    /// <summary>Cap of the move to native per disk, bytes per second; 0: none.</summary>
    public long MoveBytesPerSecond { get; init; }
    /// <summary>
    /// Free space that the move to native leaves on the site's file system. With less it gives up: the guest writes to
    /// an overlay there and would stop when it is full.
    /// </summary>
    public int MoveReserveMiB { get; init; } = 64;
    /// <summary>Memory that is left to the host when capacity is judged.</summary>
    public int MemoryReserveMiB { get; init; } = 256;

    public IEnumerable<string> Problems()
    {
        if (Program.Length == 0) yield return "options.program is empty";
        if (!Enum.IsDefined(Accelerator)) yield return "options.accelerator must be auto, kvm or tcg";
        if (StartLimit <= TimeSpan.Zero) yield return "options.startLimit must be positive";
        if (QuitLimit <= TimeSpan.Zero) yield return "options.quitLimit must be positive";
        if (MigrateLimit <= TimeSpan.Zero) yield return "options.migrateLimit must be positive";
        if (ViewReconnectSeconds is < 1 or > 3600)
            yield return $"options.viewReconnectSeconds is {ViewReconnectSeconds}; allowed is 1 to 3600";
        if (MoveBytesPerSecond < 0) yield return "options.moveBytesPerSecond must not be negative";
        if (MoveReserveMiB < 0) yield return "options.moveReserveMiB must not be negative";
        if (MemoryReserveMiB < 0) yield return "options.memoryReserveMiB must not be negative";
    }
}
