// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Sealing;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Replicas.Sealing;
using Lifeboat.Tests.Volumes.Files;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Tests.Volumes;

public sealed class SealedReplicaStoreConformance : ReplicaStoreConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StoreKey _key = new(Guid.NewGuid(), new byte[StoreKey.Length]);

    protected override IReplicaStore Open() => new SealedReplicaStore(
        new FileReplicaStore(_directory["replicas"]), _key, new FileStorage(_directory["marks"]));

    protected override string Put(string name, byte[] content)
    {
        File.WriteAllBytes(_directory[name], content);
        return _directory[name];
    }

    [Fact]
    public async Task Nothing_that_is_written_or_seeded_is_on_the_medium_and_no_plain_copy_stays()
    {
        var seed = Put("old.raw", Filled(Size / 2, 5));
        await using (var image = await Open().OpenAsync(Spec(seed), Ct))
        {
            await image.WriteAsync(Size - 4096, Filled(4096, 6), Ct);
            await image.WriteAsync(100, Filled(1000, 7), Ct);
            await image.FlushAsync(Ct);
        }
        var file = Assert.Single(Directory.GetFiles(_directory["replicas"], "*", SearchOption.AllDirectories));
        var bytes = await File.ReadAllBytesAsync(file, Ct);
        Assert.Equal(Size, bytes.Length);
        foreach (var value in new byte[] { 5, 6, 7 }) Assert.True(bytes.AsSpan().IndexOf(Filled(16, value)) < 0);
        Assert.False(bytes.AsSpan(Size / 2, Size / 2 - 4096).ContainsAnyExcept((byte)0));
    }

    public void Dispose() => _directory.Dispose();
}
