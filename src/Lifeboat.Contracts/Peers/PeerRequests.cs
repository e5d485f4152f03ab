// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Peers;

/// <param name="Seeded">Begin with a copy of the group's disks as the site has them; those are left alone.</param>
/// <param name="KeepAs">
/// The disks may hold what nobody received. Where the site will start its instances from the same disks again, with
/// another content, that is kept first as a recovery point pinned under this name (I5).
/// </param>
/// <param name="Complete">The group's history has all that the disks hold, unless somebody started the instances since
/// they were shut down.</param>
public sealed record AcceptReplicaRequest(bool Seeded, string? KeepAs = null, bool Complete = false);

public sealed record RunsAnswer(bool Runs);

public sealed record ShutDownRequest(TimeSpan Limit);

/// <param name="Received">Bytes of it that are here so far.</param>
public sealed record BootFileState(string Digest, bool Complete, long Received);
