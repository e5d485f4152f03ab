// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;

namespace Lifeboat.Testing.Simulation.Swarming;

/// <summary>Which code ran: the commit for people, and the digest of our assemblies, which differs for anything that
/// was not committed too.</summary>
/// <param name="Digest">First 8 bytes of the SHA-256 over the assemblies in the order of their names, hex.</param>
public sealed record SwarmBuild(string Commit, string Digest)
{
    /// <summary>Of the program that runs.</summary>
    public static SwarmBuild Ours()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var files = Directory.GetFiles(AppContext.BaseDirectory, "Lifeboat.*.dll").Order(StringComparer.Ordinal);
        foreach (var file in files) hash.AppendData(File.ReadAllBytes(file));
        return new SwarmBuild(SimulationResult.Commit, Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8)));
    }

    public override string ToString() => $"commit {Commit[..Math.Min(12, Commit.Length)]} build {Digest}";
}
