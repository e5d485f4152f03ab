// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Journaling.Sealing;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas.Sealing;

/// <summary>
/// A replica store whose own images are encrypted. A target disk of the user's is left as it is: it has to boot. A seed
/// is copied through the encryption; while it is, the store has a plain copy of it beside.
/// </summary>
/// <param name="marks">A storage of the replica: `sealed-VOLUME` says that an image has its seed.</param>
public sealed class SealedReplicaStore(IReplicaStore store, StoreKey key, IStorage marks) : IReplicaStore
{
    private const string Purpose = "lifeboat sealed image 1";
    private const int CopyBytes = 1 << 20;

    public async Task<IBaseImage> OpenAsync(BaseImageSpec spec, CancellationToken ct)
    {
        if (spec.TargetDisk is not null) return await store.OpenAsync(spec, ct);
        if (spec.SizeBytes % SectorCipher.SectorBytes != 0)
            throw new ArgumentException($"{spec.SizeBytes} bytes are no whole sectors", nameof(spec));
        var image = new SealedImage(await store.OpenAsync(spec with { SeedFile = null, SeedFormat = null }, ct),
            key.CipherOf(Purpose, Encoding.UTF8.GetBytes(spec.Volume)));
        try
        {
            if (spec.SeedFile is not null && !await marks.ExistsAsync(MarkOf(spec), ct))
                await CopySeedAsync(spec, image, ct);
            return image;
        }
        catch
        {
            await image.DisposeAsync();
            throw;
        }
    }

    public async Task DeleteAsync(BaseImageSpec spec, CancellationToken ct)
    {
        await marks.DeleteAsync(MarkOf(spec), ct);
        await store.DeleteAsync(SeedOf(spec), ct);
        await store.DeleteAsync(spec, ct);
    }

    public Task<long> FreeBytesAsync(CancellationToken ct) => store.FreeBytesAsync(ct);

    // Cut off anywhere it begins anew.
    private async Task CopySeedAsync(BaseImageSpec spec, SealedImage image, CancellationToken ct)
    {
        await store.DeleteAsync(SeedOf(spec), ct);
        await using (var seed = await store.OpenAsync(SeedOf(spec), ct))
        {
            var bytes = new byte[CopyBytes];
            for (var at = 0L; at < spec.SizeBytes; at += bytes.Length)
            {
                var part = bytes.AsMemory(0, (int)Math.Min(bytes.Length, spec.SizeBytes - at));
                await seed.ReadAsync(at, part, ct);
                if (part.Span.ContainsAnyExcept((byte)0)) await image.WriteAsync(at, part, ct);
                else await image.ZeroAsync(at, part.Length, ct);
            }
        }
        await image.FlushAsync(ct);
        await (await marks.OpenAsync(MarkOf(spec), create: true, ct)).DisposeAsync();
        await marks.SyncAsync(ct);
        await store.DeleteAsync(SeedOf(spec), ct);
    }

    private static BaseImageSpec SeedOf(BaseImageSpec spec) => spec with { Volume = spec.Volume + ".seed" };

    private static string MarkOf(BaseImageSpec spec) => $"sealed-{spec.Volume}";
}
