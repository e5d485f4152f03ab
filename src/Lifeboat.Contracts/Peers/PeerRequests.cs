// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Peers;

public sealed record AcceptReplicaRequest(bool Seeded);

public sealed record RunsAnswer(bool Runs);

public sealed record ShutDownRequest(TimeSpan Limit);

/// <param name="Received">Bytes of it that are here so far.</param>
public sealed record BootFileState(string Digest, bool Complete, long Received);
