// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments.Snapshots;

namespace Lifeboat.Tests.Volumes;

/// <summary>What every storage must do whose snapshots are a group's changes; two volumes of a size.</summary>
public abstract class DiskSnapshotsConformance
{
    protected static readonly CancellationToken Ct = CancellationToken.None;
    protected const int BlockBytes = 4096;

    protected abstract int SizeBytes { get; }
    protected abstract Task<IDiskSnapshots> OpenAsync();
    /// <summary>As an instance would; other bytes each time.</summary>
    protected abstract Task WriteAsync(ushort volume, int offset, int length);
    protected abstract Task DiscardAsync(ushort volume, int offset, int length);
    protected abstract Task<byte[]> ContentAsync(ushort volume);

    [Fact]
    public async Task A_snapshot_stays_as_all_volumes_were_whatever_is_written_later()
    {
        await using var disks = await OpenAsync();
        await WriteAsync(0, 0, BlockBytes);
        await WriteAsync(1, SizeBytes - BlockBytes, BlockBytes);
        var content = new[] { await ContentAsync(0), await ContentAsync(1) };
        await disks.TakeAsync("one", Ct);
        await WriteAsync(0, 0, 2 * BlockBytes);
        await DiscardAsync(1, 0, SizeBytes);
        foreach (var volume in disks.Volumes)
        {
            var now = await ReadAsync(disks, volume, "one");
            Assert.True(content[volume].AsSpan().SequenceEqual(now), $"volume {volume} differs");
        }
    }

    [Fact]
    public async Task A_difference_names_all_that_differs_and_says_rightly_what_is_zero()
    {
        await using var disks = await OpenAsync();
        await WriteAsync(0, 0, SizeBytes / 4);
        await disks.TakeAsync("one", Ct);
        await WriteAsync(0, BlockBytes, BlockBytes);
        await WriteAsync(0, SizeBytes / 2, BlockBytes);
        await DiscardAsync(0, SizeBytes / 8, SizeBytes / 8);
        await disks.TakeAsync("two", Ct);
        var (one, two) = (await ReadAsync(disks, 0, "one"), await ReadAsync(disks, 0, "two"));
        Assert.Contains(await disks.DiffAsync(0, "one", "two", Ct), e => e.Length > 0);
        Assert.Empty(await disks.DiffAsync(1, "one", "two", Ct));

        // Laid over the old state the difference is the new one; laid over nothing so is the difference to nothing.
        foreach (var (from, state) in new[] { ("one", one), (null, new byte[SizeBytes]) })
        {
            var end = 0L;
            foreach (var extent in await disks.DiffAsync(0, from, "two", Ct))
            {
                Assert.True(
                    extent.Offset >= end && extent.Offset + extent.Length <= SizeBytes, $"{extent} after {end}");
                end = extent.Offset + extent.Length;
                var part = state.AsSpan((int)extent.Offset, (int)extent.Length);
                if (extent.Zero) part.Clear();
                else two.AsSpan((int)extent.Offset, (int)extent.Length).CopyTo(part);
            }
            Assert.True(two.AsSpan().SequenceEqual(state), $"from {from ?? "nothing"}");
        }
    }

    [Fact]
    public async Task Snapshots_are_listed_renamed_and_removed_of_each_volume_and_removing_twice_is_no_fault()
    {
        await using var disks = await OpenAsync();
        await disks.TakeAsync("one", Ct);
        await disks.RenameAsync(0, "one", "two", Ct);
        Assert.Equal(["two"], await disks.ListAsync(0, Ct));
        Assert.Equal(["one"], await disks.ListAsync(1, Ct));
        await disks.RemoveAsync(1, "one", Ct);
        await disks.RemoveAsync(1, "one", Ct);
        Assert.Empty(await disks.ListAsync(1, Ct));
    }

    [Fact]
    public async Task What_is_not_there_is_a_fault_of_the_tap()
    {
        await using var disks = await OpenAsync();
        await Assert.ThrowsAsync<TapException>(() => disks.OpenAsync(0, "nothing", Ct));
        await Assert.ThrowsAsync<TapException>(() => disks.RenameAsync(0, "nothing", "other", Ct));
        await Assert.ThrowsAsync<TapException>(() => disks.DiffAsync(0, "nothing", "other", Ct));
    }

    private static async Task<byte[]> ReadAsync(IDiskSnapshots disks, ushort volume, string name)
    {
        await using var image = await disks.OpenAsync(volume, name, Ct);
        var content = new byte[image.SizeBytes];
        await image.ReadAsync(0, content, Ct);
        return content;
    }
}
