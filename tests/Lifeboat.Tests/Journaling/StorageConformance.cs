// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Tests.Journaling;

/// <summary>What every storage must do; inherited by the real one and its simulated twin.</summary>
public abstract class StorageConformance
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    protected abstract IStorage Open();

    [Fact]
    public async Task What_is_written_is_read_and_the_end_is_the_end()
    {
        await using var file = await Open().OpenAsync("a", create: true, Ct);
        await file.WriteAsync(10, new byte[] { 1, 2, 3 }, Ct);

        var buffer = new byte[8];
        Assert.Equal(13, await file.LengthAsync(Ct));
        Assert.Equal(5, await file.ReadAsync(8, buffer, Ct));
        Assert.Equal([0, 0, 1, 2, 3, 0, 0, 0], buffer);
        Assert.Equal(0, await file.ReadAsync(13, buffer, Ct));
        Assert.Equal(0, await file.ReadAsync(1 << 20, buffer, Ct));
    }

    [Fact]
    public async Task Zeroed_ranges_read_as_zeroes_and_keep_their_neighbours()
    {
        await using var file = await Open().OpenAsync("a", create: true, Ct);
        await file.WriteAsync(0, Filled(20000), Ct);
        await file.ZeroAsync(100, 15000, Ct);

        var buffer = new byte[20000];
        Assert.Equal(20000, await file.ReadAsync(0, buffer, Ct));
        Assert.Equal(-1, buffer.AsSpan(100, 15000).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, buffer.AsSpan(0, 100).IndexOfAnyExcept((byte)7));
        Assert.Equal(-1, buffer.AsSpan(15100).IndexOfAnyExcept((byte)7));
    }

    [Fact]
    public async Task Zeroing_past_the_end_makes_the_file_longer()
    {
        await using var file = await Open().OpenAsync("a", create: true, Ct);
        await file.WriteAsync(0, Filled(100), Ct);
        await file.ZeroAsync(50, 5000, Ct);
        Assert.Equal(5050, await file.LengthAsync(Ct));
    }

    [Fact]
    public async Task Cut_bytes_do_not_come_back()
    {
        await using var file = await Open().OpenAsync("a", create: true, Ct);
        await file.WriteAsync(0, Filled(9000), Ct);
        await file.SetLengthAsync(10, Ct);
        await file.SetLengthAsync(9000, Ct);

        var buffer = new byte[9000];
        await file.ReadAsync(0, buffer, Ct);
        Assert.Equal(-1, buffer.AsSpan(10).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task Opening_what_is_not_there_is_not_found()
    {
        var failure = await Assert.ThrowsAsync<StorageException>(
            async () => await Open().OpenAsync("a", create: false, Ct));
        Assert.Equal(StorageFault.NotFound, failure.Fault);
        failure = await Assert.ThrowsAsync<StorageException>(async () => await Open().RenameAsync("a", "b", Ct));
        Assert.Equal(StorageFault.NotFound, failure.Fault);
    }

    [Fact]
    public async Task Files_are_listed_renamed_over_others_and_deleted_twice()
    {
        var storage = Open();
        await WriteAsync(storage, "a", 1);
        await WriteAsync(storage, "b", 2);

        await storage.RenameAsync("a", "b", Ct);
        await storage.SyncAsync(Ct);

        Assert.Equal(["b"], await storage.ListAsync(Ct));
        Assert.False(await storage.ExistsAsync("a", Ct));
        await using (var file = await storage.OpenAsync("b", create: false, Ct))
            Assert.Equal(1, await file.LengthAsync(Ct));
        await storage.DeleteAsync("b", Ct);
        await storage.DeleteAsync("b", Ct);
        Assert.Empty(await storage.ListAsync(Ct));
    }

    [Fact]
    public async Task An_open_file_outlives_its_name()
    {
        var storage = Open();
        await using var file = await storage.OpenAsync("a", create: true, Ct);
        await file.WriteAsync(0, Filled(10), Ct);
        await storage.RenameAsync("a", "b", Ct);
        await storage.DeleteAsync("b", Ct);
        await file.WriteAsync(10, Filled(10), Ct);
        await file.FlushAsync(Ct);
        Assert.Equal(20, await file.LengthAsync(Ct));
    }

    [Fact]
    public async Task Two_handles_see_the_same_bytes()
    {
        var storage = Open();
        await using var one = await storage.OpenAsync("a", create: true, Ct);
        await using var other = await storage.OpenAsync("a", create: true, Ct);
        await one.WriteAsync(0, Filled(4), Ct);
        var buffer = new byte[4];
        Assert.Equal(4, await other.ReadAsync(0, buffer, Ct));
        Assert.Equal(Filled(4), buffer);
    }

    [Fact]
    public async Task Free_room_is_known() => Assert.True(await Open().FreeBytesAsync(Ct) > 0);

    private static async Task WriteAsync(IStorage storage, string name, int length)
    {
        await using var file = await storage.OpenAsync(name, create: true, Ct);
        await file.WriteAsync(0, Filled(length), Ct);
        await file.FlushAsync(Ct);
    }

    private static byte[] Filled(int length)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, (byte)7);
        return bytes;
    }
}
