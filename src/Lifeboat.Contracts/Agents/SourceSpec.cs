// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Contracts.Agents;

/// <summary>
/// Asks an agent to be the source of a group: capture its volumes and ship them. Desired state: putting the same spec
/// again changes nothing, putting another one moves towards it, and the agent keeps to it over restarts.
/// </summary>
public sealed record SourceSpec
{
    public required string Group { get; init; }
    /// <summary>The recovery site: its name is the file name of its trust anchor and the link's expected
    /// peer.</summary>
    public required string RecoverySite { get; init; }
    public required Epoch Epoch { get; init; }
    /// <summary>
    /// How often the source has been moved to another agent (<see cref="GroupDefinition.SourceMoves"/>): within an
    /// epoch the recovery site refuses a source that has been moved away.
    /// </summary>
    public long Moves { get; init; }
    /// <summary>Whose agent is to be the source.</summary>
    public string Host { get; init; } = AgentConfiguration.DefaultHost;
    /// <summary>`host:port` of the recovery agent's link listener.</summary>
    public required string Target { get; init; }
    public required IReadOnlyList<SourceVolume> Volumes { get; init; }
    public required IReadOnlyList<SourceInstance> Instances { get; init; }
    public required Protection.Policies.Policy Policy { get; init; }
    /// <summary>Nothing is shipped until its time is over; null: not suspended.</summary>
    public Suspension? Suspension { get; init; }

    /// <summary>With these sizes, where volumes are named so.</summary>
    public SourceSpec Sized(IReadOnlyDictionary<string, long> sizes) => this with
    {
        Volumes = [.. Volumes.Select(v => sizes.TryGetValue(v.Name, out var size) ? v with { SizeBytes = size } : v)],
    };
}

/// <param name="QmpSocket">Monitor of the QEMU that has the disk: a socket, or its domain at a libvirt.</param>
/// <param name="Device">Device id or qdev path as `query-block` shows it; the agent finds the format node below
/// it.</param>
public sealed record SourceVolume(ushort Index, string Name, string Instance, string QmpSocket, string Device,
    long SizeBytes)
{
    /// <summary>Null: whatever disk is under that name is the volume.</summary>
    public DiskIdentity? Identity { get; init; }
}

/// <summary>Which disk is meant, be another one under the name that it had.</summary>
/// <param name="Serial">Of the device; null: it says nothing.</param>
/// <param name="Image">What lies at the bottom of its image, a path or POOL/IMAGE in Ceph; null: it says
/// nothing.</param>
public sealed record DiskIdentity(string? Serial, string? Image);

/// <param name="GuestAgentSocket">qemu-ga socket; null when the guest has none.</param>
public sealed record SourceInstance(string Name, string QmpSocket, string? GuestAgentSocket);
