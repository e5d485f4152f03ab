// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Peers;

/// <param name="KeepAs">Pin of the point that the seeds' state stays as; null: it does not.</param>
public sealed record AcceptReplicaRequest(bool Seeded, string? KeepAs = null);

/// <param name="View">Name of the view of the kept state.</param>
public sealed record OpenKeptRequest(string View);

public sealed record RunsAnswer(bool Runs);

public sealed record ShutDownRequest(TimeSpan Limit);

/// <param name="Received">Bytes of it that are here so far.</param>
public sealed record BootFileState(string Digest, bool Complete, long Received);
