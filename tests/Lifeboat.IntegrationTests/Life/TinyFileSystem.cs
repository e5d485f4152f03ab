// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>A real file system with next to no room, mounted over a directory.</summary>
internal sealed class TinyFileSystem(string directory) : IAsyncDisposable
{
    public static async Task<TinyFileSystem> MountAsync(string directory, CancellationToken ct)
    {
        Directory.CreateDirectory(directory);
        await HostCommand.MustAsync("mount", ["-t", "tmpfs", "-o", "size=64k", "lifeboat-tiny", directory], ct);
        return new TinyFileSystem(directory);
    }

    public async ValueTask DisposeAsync() =>
        await HostCommand.MustAsync("umount", [directory], CancellationToken.None);
}
