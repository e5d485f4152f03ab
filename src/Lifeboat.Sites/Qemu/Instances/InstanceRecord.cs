// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;

namespace Lifeboat.Sites.Qemu.Instances;

/// <summary>
/// What the driver knows of an instance; `instances/NAME/instance.json`. Intent is written before the act: a record
/// that names an overlay or a native file may be ahead of the disk, never behind it.
/// </summary>
internal sealed record InstanceRecord
{
    public required string Name { get; init; }
    public required InstanceDescription Description { get; init; }
    /// <summary>Null for an adopted instance.</summary>
    public StartRequest? Request { get; init; }
    public AdoptedFrom? Adopted { get; init; }
    public string? Bubble { get; init; }
    /// <summary>Where its process is; null: at the default host.</summary>
    public string? Host { get; init; }
    /// <summary>It is being moved there: which of the two processes has the guest is to be asked.</summary>
    public string? MovesTo { get; init; }
    /// <summary>It has moved from there; the process that it left may still be there, stopped.</summary>
    public string? MovedFrom { get; init; }
    /// <summary>Counts start requests under this name; disks of an earlier one are never touched by a later
    /// one.</summary>
    public int Generation { get; init; }
    public required IReadOnlyList<DiskRecord> Disks { get; init; }

    public DiskRecord Disk(string name) => Disks.First(d => d.Name == name);

    public InstanceRecord With(DiskRecord disk) =>
        this with { Disks = [.. Disks.Select(d => d.Name == disk.Name ? disk : d)] };
}

/// <param name="ProcessId">With its start ticks: the QEMU process that was adopted.</param>
internal sealed record AdoptedFrom(string QmpSocket, string? GuestAgentSocket, int ProcessId, long StartTicks);

/// <summary>Numbers and names are on disk and never change.</summary>
internal enum DiskPlace
{
    /// <summary>An image of the site or its user, in place.</summary>
    File = 1,
    /// <summary>A writable view; writes go with it.</summary>
    View = 2,
    /// <summary>An overlay of ours over a read-only view.</summary>
    Overlay = 3,
    /// <summary>Overlay and native file hold the same and get the same writes; the native file counts from here
    /// on.</summary>
    Pivoting = 4,
    /// <summary>A native file of ours.</summary>
    Native = 5,
}

/// <param name="File">File, overlay or, from Pivoting on, the native file.</param>
/// <param name="Device">How the monitor knows it.</param>
internal sealed record DiskRecord(string Name, DiskPlace Place, string? File, string? Format, string? ViewSocket,
    string? ViewExport, long SizeBytes, string Device);
