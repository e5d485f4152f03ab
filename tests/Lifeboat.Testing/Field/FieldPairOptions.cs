// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Field;

public sealed record FieldPairOptions
{
    public static readonly FieldPairOptions Plain = new();

    /// <summary>Keep it short: it holds sockets. Null: a new temporary one.</summary>
    public string? Directory { get; init; }
    /// <summary>The agents reach each other through a <see cref="LinkProxy"/>.</summary>
    public bool WithProxy { get; init; }
    /// <summary>b's replicas live on a file system of their own of this size; needs root.</summary>
    public long? ReplicaDiskBytes { get; init; }
    /// <summary>a's outbox logs live on a file system of their own of this size; needs root.</summary>
    public long? OutboxDiskBytes { get; init; }
    /// <summary>
    /// Guests' images lie in memory, where there is room: a stall is then not one of this machine's disk, on which
    /// everything else of the test, and of its neighbours, lies.
    /// </summary>
    public bool GuestDisksInMemory { get; init; }
    /// <summary>The PostgreSQL database of b's controllers; null: its SQLite file.</summary>
    public string? RecoveryDatabase { get; init; }
    /// <summary>The `lifeboat.dll` of another release, which both sites begin with; null: this build's.</summary>
    public string? Command { get; init; }
    /// <summary>Called for each site between its making and its first start: another driver, other settings.</summary>
    public Action<FieldSite> Prepare { get; init; } = static _ => { };
    /// <summary>What the witness hears is also in `witness.log`.</summary>
    public bool KeepWitnessLog { get; init; }
}
