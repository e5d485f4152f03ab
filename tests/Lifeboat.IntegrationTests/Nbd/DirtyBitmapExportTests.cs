// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Nbd;

/// <summary>Our server offers a dirty bitmap, and others understand it.</summary>
public sealed class DirtyBitmapExportTests
{
    private const int Size = 4 * 1024 * 1024;

    [Fact]
    public async Task Nbdinfo_and_qemu_img_read_our_bitmap()
    {
        await using var fixture = new NbdFixture(new HalfDirty());

        var listed = (await Tool.RunAsync("nbdinfo", "--list", fixture.Uri(""))).Succeeded();
        var map = (await Tool.RunAsync("nbdinfo", "--map=qemu:dirty-bitmap:gap", fixture.Uri("disk"))).Succeeded();
        var seen = (await Tool.RunAsync("qemu-img", "map", "--output=json", "--image-opts",
            $"driver=nbd,server.type=unix,server.path={fixture.EndPoint},export=disk,"
            + "x-dirty-bitmap=qemu:dirty-bitmap:gap")).Succeeded();

        Assert.Contains("qemu:dirty-bitmap:gap", listed, StringComparison.Ordinal);
        var rows = map.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(r => r.Split(' ',
            StringSplitOptions.RemoveEmptyEntries).Take(3).Select(int.Parse));
        Assert.Equal([[0, Size / 2, 1], [Size / 2, Size / 2, 0]], rows);
        // QEMU shows a bitmap through its data flag: dirty is "data": false.
        Assert.Contains($"\"start\": 0, \"length\": {Size / 2}", seen, StringComparison.Ordinal);
        Assert.Contains("\"data\": false", seen, StringComparison.Ordinal);
    }

    private sealed class HalfDirty : INbdExport
    {
        public NbdExportInfo Info { get; } = new()
        {
            Name = "disk",
            Size = Size,
            ReadOnly = true,
            MetaContexts = [NbdExtent.BaseAllocation, NbdExtent.DirtyBitmapPrefix + "gap"],
        };

        public NbdError Read(long offset, Span<byte> buffer)
        {
            buffer.Clear();
            return NbdError.None;
        }

        public NbdError BlockStatus(string context, long offset, long length, NbdExtents extents)
        {
            var dirty = context == NbdExtent.BaseAllocation ? 0 : NbdExtent.Dirty;
            var before = Math.Max(0, Size / 2 - offset);
            if (extents.Add(Math.Min(before, length), dirty))
                extents.Add(length, 0);
            return NbdError.None;
        }
    }
}
