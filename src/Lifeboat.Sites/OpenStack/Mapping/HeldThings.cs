// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>What earlier attempts made for an instance: it is used again, or gone before it is made anew.</summary>
/// <param name="Servers">Each with its processors and MiB.</param>
/// <param name="Volumes">Those that no guest wrote to; each with its GiB and type.</param>
/// <param name="FloatingPools">Of each floating address the pool.</param>
internal sealed record HeldThings(IReadOnlyList<(int Vcpus, int MemoryMiB)> Servers,
    IReadOnlyList<(int GiB, string? Type)> Volumes, int Ports, IReadOnlyList<string> FloatingPools);
