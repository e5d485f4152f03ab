// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Testing;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Journaling;

public sealed class ExtentIndexTests
{
    private const int Size = 12 << 20;
    private static readonly Dictionary<ushort, long> Sizes = new() { [0] = Size, [3] = Size };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    public async Task Every_byte_is_where_the_last_record_before_the_sequence_put_it(ulong seed, bool reopened)
    {
        var prng = new Prng(seed);
        var storage = new SimulatedStorage(new SimulatedDisk(prng.Fork()), "journal");
        var options = new JournalOptions { SegmentBytes = 64 << 10, ReserveBytes = 0, NewSalt = prng.NextUInt64 };
        var headers = new List<RecordHeader>();
        var journal = await Journal.OpenAsync(storage, options, 0, Ct);
        for (long sequence = 1; sequence <= 600; sequence++) headers.Add(await AppendAsync(journal, prng, sequence));
        await journal.FlushAsync(Ct);
        if (reopened)
        {
            await journal.DisposeAsync();
            journal = await Journal.OpenAsync(storage, options, 0, Ct);
        }
        Assert.True(journal.Segments.Count > 4);
        for (var i = 0; i < 12; i++)
        {
            long from = prng.Next(300), to = i == 0 ? 600 : from + 1 + prng.Next((int)(600 - from));
            var index = await ExtentIndex.BuildAsync(journal, Sizes, from, to, Ct);
            foreach (var volume in Sizes.Keys) await CheckAsync(index, headers, volume, from, to, prng);
        }
        await journal.DisposeAsync();
    }

    [Fact]
    public async Task Damaged_tables_are_made_again_from_the_records()
    {
        var prng = new Prng(8);
        var storage = new SimulatedStorage(new SimulatedDisk(prng.Fork()), "journal");
        var options = new JournalOptions { SegmentBytes = 64 << 10, ReserveBytes = 0, NewSalt = prng.NextUInt64 };
        var headers = new List<RecordHeader>();
        await using var journal = await Journal.OpenAsync(storage, options, 0, Ct);
        for (long sequence = 1; sequence <= 200; sequence++) headers.Add(await AppendAsync(journal, prng, sequence));
        var damaged = 0;
        foreach (var name in (await storage.ListAsync(Ct)).Where(n => n.EndsWith(".idx", StringComparison.Ordinal)))
        {
            await using var file = await storage.OpenAsync(name, create: false, Ct);
            var length = await file.LengthAsync(Ct);
            if (damaged++ % 2 == 0) await file.WriteAsync(length - 16, new byte[] { 0xff, 0xff }, Ct);
            else await file.SetLengthAsync(length - 16, Ct);
        }
        Assert.True(damaged > 2);
        var index = await ExtentIndex.BuildAsync(journal, Sizes, 0, 200, Ct);
        foreach (var volume in Sizes.Keys) await CheckAsync(index, headers, volume, 0, 200, prng);
    }

    [Fact]
    public void A_table_costs_16_bytes_for_an_extent()
    {
        var entries = Enumerable.Range(0, 1000).Select(i => RecordEntry.Of(
            RecordHeader.Write(1, i + 1, 1, (999 - i) * 4096L, 4096, 0), (uint)(i * 4160))).ToArray();
        var table = SegmentExtent.TableOf(entries);
        Assert.Equal(1000, table.Length);
        Assert.Equal(16, System.Runtime.CompilerServices.Unsafe.SizeOf<SegmentExtent>());
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => i * 4096L), table.Select(e => e.Offset));
        Assert.Equal(entries[999].DataPosition, table[0].Position);
    }

    private static async Task<RecordHeader> AppendAsync(Journal journal, Prng prng, long sequence)
    {
        var volume = (ushort)(prng.Chance(0.5) ? 0 : 3);
        var length = 1 + prng.Next(3000);
        var data = Enumerable.Repeat((byte)sequence, length).ToArray();
        // Some near a border of what is put together at once, some anywhere.
        var offset = prng.Chance(0.5) ? (4 << 20) - 4000 + prng.Next(6000) : prng.Next(Size - length);
        var header = RecordHeader.Write(volume, sequence, 1, offset, length, 0);
        if (prng.Chance(0.1))
        {
            var zeroes = 1 + prng.Next(prng.Chance(0.2) ? Size : 9000);
            header = RecordHeader.Zero(volume, sequence, 1, prng.Next(Size - zeroes + 1), zeroes, 0);
            data = [];
        }
        var record = new byte[RecordCodec.SizeOf(data.Length)];
        RecordCodec.Write(record, header, data);
        Assert.Equal(AppendOutcome.Appended, await journal.AppendAsync(record, Ct));
        return header;
    }

    // What lies before `from` may be named or not; what is named must be what the last record up to `to` wrote.
    private static async Task CheckAsync(
        ExtentIndex index, List<RecordHeader> headers, ushort volume, long from, long to, Prng prng)
    {
        var last = new long[Size];
        foreach (var header in headers.Take((int)to).Where(h => h.Volume == volume))
            last.AsSpan((int)header.Offset, (int)header.Length).Fill(header.Sequence);
        for (var round = 0; round < 20; round++)
        {
            var offset = round == 0 ? 0 : prng.Next(Size);
            var length = round == 0 ? Size : 1 + prng.Next(Math.Min(Size - offset, 70_000));
            var found = new List<Extent>();
            index.Find(volume, offset, length, found);
            long at = offset;
            foreach (var extent in found)
            {
                Assert.Equal(at, extent.Offset);
                var data = new byte[extent.Length];
                if (extent.Source >= 0) await index.ReadAsync(volume, extent.Offset, extent.Source, data, Ct);
                for (var i = 0; i < extent.Length; i++) Check(extent, data[i], headers, last[at + i], from);
                at = extent.End;
            }
            Assert.Equal(offset + length, at);
        }
    }

    private static void Check(Extent extent, byte read, List<RecordHeader> headers, long last, long from)
    {
        var header = last == 0 ? default : headers[(int)last - 1];
        var right = extent.Source switch
        {
            Extent.Unknown => last <= from,
            Extent.Zeroes => header.Kind == RecordKind.Zero,
            _ => header.Kind == RecordKind.Write && read == (byte)last,
        };
        if (!right) Assert.Fail($"{extent} reads {read}, the last record is {last} ({header.Kind}), from {from}");
    }
}
