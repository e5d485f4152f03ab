// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Journaling.Storage;
using Lifeboat.Volumes.Files;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

// What goes with a source from one agent to the next: where its change maps begin, as the file that says so.
internal sealed partial class HostedSource
{
    private const string BasisFile = "basis.json";
    private const int BasisBytesMax = 64 << 10;

    /// <summary>Waits a little until what was captured up to now is durable; nobody minds when it is not.</summary>
    public async Task TryDrainAsync(TimeSpan limit, CancellationToken ct)
    {
        using var late = new CancellationTokenSource(limit, _parts.Time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            if (_source.Snapshot().Connected) await _source.DrainAsync(any.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // The change maps have it.
        }
    }

    public static async Task<string?> ReadBasisAsync(AgentParts parts, string group, CancellationToken ct)
    {
        try
        {
            var path = Path.Combine(MapsFolder(parts, group), BasisFile);
            return File.Exists(path) && new FileInfo(path).Length <= BasisBytesMax
                ? await File.ReadAllTextAsync(path, ct) : null;
        }
        catch (IOException e)
        {
            LogNoMaps(parts.Logs.CreateLogger<HostedSource>(), group, e.Message);
            return null;
        }
    }

    /// <param name="basis">Null: none is left, so that the disks are compared.</param>
    public static async Task WriteBasisAsync(AgentParts parts, string group, string? basis, CancellationToken ct)
    {
        try
        {
            var storage = new FileStorage(MapsFolder(parts, group));
            await storage.DeleteAsync(BasisFile, ct);
            if (basis is null) return;
            await using var file = await storage.OpenAsync(BasisFile, create: true, ct);
            await file.WriteAsync(0, Encoding.UTF8.GetBytes(basis), ct);
        }
        catch (StorageException e)
        {
            LogNoMaps(parts.Logs.CreateLogger<HostedSource>(), group, e.Message);
        }
    }
}
