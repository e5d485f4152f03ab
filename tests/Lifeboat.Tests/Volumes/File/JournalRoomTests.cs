// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Testing;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Tests.Volumes.Files;

/// <summary>A journal on real files, long appends past the page cache and short ones through it, in turns.</summary>
public sealed class JournalRoomTests : IDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly string _directory = Directory.CreateDirectory($"/var/tmp/lifeboat-{Guid.NewGuid():N}").FullName;
    private readonly Prng _prng = new(3);
    private readonly List<byte[]> _records = [];

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task What_was_appended_is_read_from_memory_and_from_the_disk()
    {
        await using (var journal = await OpenAsync())
        {
            for (var i = 0; i < 60; i++)
            {
                await AppendAsync(journal);
                if (i % 7 == 0) await journal.FlushAsync(Ct);
                if (i == 40) journal.ForgetWarm(_records.Count / 2);
                if (i % 10 == 0) await CheckAsync(journal, Math.Max(1, _records.Count - 200));
            }
            await CheckAsync(journal, 1);
            await journal.FlushAsync(Ct);
        }
        await using var again = await OpenAsync();
        Assert.Equal(_records.Count, again.LastSequence);
        await AppendAsync(again); // behind an end that it has not written itself
        await AppendAsync(again);
        await CheckAsync(again, 1);
    }

    private Task<Journal> OpenAsync() => Journal.OpenAsync(new FileStorage(_directory),
        new JournalOptions
        {
            SegmentBytes = 8 << 20, ReserveBytes = 0, WholeBlocksFrom = 256 << 10, NewSalt = _prng.NextUInt64,
        }, 0, Ct);

    private async Task AppendAsync(Journal journal)
    {
        var room = new AppendRoom(journal.LeadAfter(_prng.Chance(0.2) ? 77 : 0));
        var wanted = _prng.Chance(0.4) ? 1 : (int)_prng.Next(1, AppendRoom.RecordsMax - (300 << 10));
        while (room.Length < wanted)
        {
            var data = _prng.Bytes((int)_prng.Next(1, wanted == 1 ? 9000 : 280 << 10));
            var record = new byte[RecordCodec.SizeOf(data.Length)];
            RecordCodec.Write(record, RecordHeader.Write(0, _records.Count + 1, 1, 0, data.Length, 0), data);
            _records.Add(record);
            room.Add(record);
        }
        Assert.Equal(AppendOutcome.Appended, await journal.AppendAsync(room, Ct));
    }

    private async Task CheckAsync(Journal journal, long from)
    {
        var kept = new KeptStretches(1 << 20, []);
        using var hold = journal.Hold(from);
        var reader = journal.Read(from, journal.LastSequence, kept: kept);
        var sources = new List<long>();
        while (await reader.ReadAsync(Ct)) sources.Add(reader.Source);
        Assert.Equal(_records.Count - from + 1, sources.Count);
        for (var i = 0; i < sources.Count; i++)
        {
            var data = _records[(int)from + i - 1].AsSpan(RecordCodec.HeaderLength);
            Assert.True(kept.At(sources[i], data.Length).SequenceEqual(data), $"record {from + i}");
        }
        kept.Release();
    }
}
