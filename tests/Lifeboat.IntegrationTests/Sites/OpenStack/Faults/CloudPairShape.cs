// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack;
using Lifeboat.Testing;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>What is different of a <see cref="FaultyCloudPair"/> from the usual one.</summary>
internal sealed record CloudPairShape
{
    private const long Used = 112L << 20;

    /// <summary>Of the guest's disk, at least the 112 MiB of its image.</summary>
    public long DiskBytes { get; init; } = Used;
    /// <summary>Behind the image there is as much that no packing makes smaller.</summary>
    public long Data { get; init; }
    /// <summary>The project at b has a router to the outside.</summary>
    public bool Routed { get; init; }
    /// <summary>Of the driver at b.</summary>
    public Func<OpenStackSiteOptions, OpenStackSiteOptions> Options { get; init; } = static o => o;

    public async Task FillAsync(string disk, CancellationToken ct)
    {
        if (DiskBytes == Used) return;
        await using var file = File.OpenWrite(disk);
        file.SetLength(DiskBytes);
        file.Position = Used;
        var chance = new Prng(20261130);
        for (long at = 0; at < Data; at += 1 << 20) await file.WriteAsync(chance.Bytes(1 << 20), ct);
    }
}
