// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Journaling;

/// <summary>A journal under test beside the plain list of what it must hold.</summary>
internal sealed class JournalHistory(Prng prng)
{
    private readonly List<byte[]> _records = [];

    public int SegmentBytes { get; init; } = 64 << 10;
    public int? DataLength { get; init; }
    public long ReserveBytes { get; init; }
    /// <summary>Some appends are shorter, most are not.</summary>
    public int WholeBlocksFrom { get; init; } = 2 << 10;
    public long Last => _records.Count;
    /// <summary>What a flush has promised.</summary>
    public long Promised { get; private set; }
    /// <summary>What a trim may have taken.</summary>
    public long Trimmed { get; private set; }

    public JournalOptions Options => new()
    {
        SegmentBytes = SegmentBytes, ReserveBytes = ReserveBytes, RecycleMax = 2,
        WholeBlocksFrom = WholeBlocksFrom, NewSalt = prng.NextUInt64,
    };

    public Task<Journal> OpenAsync(IStorage storage) =>
        Journal.OpenAsync(storage, Options, Trimmed, CancellationToken.None);

    public async Task<AppendOutcome> AppendAsync(Journal journal, int dataMax = 6000)
    {
        var added = new List<byte[]>();
        for (var count = prng.Next(1, 5); count > 0; count--) added.Add(NewRecord(Last + added.Count + 1, dataMax));
        var outcome = await journal.AppendAsync(InRoom(journal, added), CancellationToken.None);
        if (outcome == AppendOutcome.Appended) _records.AddRange(added);
        return outcome;
    }

    public async Task AppendOneAsync(Journal journal)
    {
        var record = NewRecord(Last + 1, 1);
        Assert.Equal(AppendOutcome.Appended, await journal.AppendAsync(record, CancellationToken.None));
        _records.Add(record);
    }

    public async Task FlushAsync(Journal journal) => Promised = await journal.FlushAsync(CancellationToken.None);

    public async Task TrimAsync(Journal journal)
    {
        if (Promised <= Trimmed) return;
        // As the replica does it: what may be trimmed is known durably before it is.
        Trimmed = prng.Next(Trimmed, Promised + 1);
        await journal.TrimAsync(Trimmed, CancellationToken.None);
    }

    public async Task StepAsync(Journal journal)
    {
        switch (prng.Next(8))
        {
            case 0 or 1: await FlushAsync(journal); break;
            case 2: await TrimAsync(journal); break;
            default: await AppendAsync(journal); break;
        }
    }

    /// <summary>
    /// After a crash: nothing promised is missing, nothing is there that was not appended. Goes on from there.
    /// </summary>
    public async Task RecoverAsync(Journal journal)
    {
        Assert.InRange(journal.LastSequence, Promised, Last);
        Assert.True(journal.FirstSequence <= Trimmed + 1);
        await CheckAsync(journal, journal.LastSequence);
        _records.RemoveRange((int)journal.LastSequence, (int)(Last - journal.LastSequence));
        Promised = journal.LastSequence;
    }

    public async Task CheckAsync(Journal journal, long to)
    {
        var from = Math.Max(journal.FirstSequence, Trimmed + 1);
        using var hold = journal.Hold(from);
        var reader = journal.Read(from, to);
        for (var sequence = from; sequence <= to; sequence++)
        {
            Assert.True(await reader.ReadAsync(CancellationToken.None));
            Assert.Equal(_records[(int)sequence - 1], reader.Record.ToArray());
        }
        Assert.False(await reader.ReadAsync(CancellationToken.None));
        await CheckKeptAsync(journal, from, to);
    }

    // What is kept is there when all is read, wherever it was found.
    private async Task CheckKeptAsync(Journal journal, long from, long to)
    {
        var kept = new KeptStretches(1 << 20, []);
        var reader = journal.Read(from, to, kept: kept);
        var found = new List<(long Source, int Length)>();
        while (await reader.ReadAsync(CancellationToken.None)) found.Add((reader.Source, reader.Data.Length));
        Assert.Equal(to - from + 1, found.Count);
        for (var i = 0; i < found.Count; i++)
            Assert.True(kept.At(found[i].Source, found[i].Length)
                .SequenceEqual(_records[(int)from + i - 1].AsSpan(RecordCodec.HeaderLength)));
        kept.Release();
    }

    // Gathered for another place in the file than the one where it comes, now and then.
    private AppendRoom InRoom(Journal journal, List<byte[]> records)
    {
        var room = new AppendRoom(journal.LeadAfter(prng.Chance(0.2) ? prng.Next(1, 9000) : 0));
        foreach (var record in records) room.Add(record);
        return room;
    }

    /// <summary>All records are there and whole but those that are told as lost.</summary>
    /// <returns>Their sequences.</returns>
    public async Task<IReadOnlyList<long>> CheckWholeAsync(Journal journal)
    {
        Assert.Equal(Last, journal.LastSequence);
        var lost = new List<long>();
        var reader = journal.Read(journal.FirstSequence, Last, passDamage: true);
        for (var sequence = journal.FirstSequence; sequence <= Last; sequence++)
        {
            Assert.True(await reader.ReadAsync(CancellationToken.None));
            if (reader.Damage is { Part: JournalPart.Stretch }) lost.Add(sequence);
            else Assert.Equal(_records[(int)sequence - 1], reader.Record.ToArray());
        }
        return lost;
    }

    private byte[] NewRecord(long sequence, int dataMax)
    {
        var data = prng.Bytes(DataLength ?? prng.Next(1, dataMax));
        var record = new byte[RecordCodec.SizeOf(data.Length)];
        RecordCodec.Write(record,
            RecordHeader.Write((ushort)prng.Next(3), sequence, 1, prng.Next(1L << 30), data.Length, sequence), data);
        return record;
    }
}
