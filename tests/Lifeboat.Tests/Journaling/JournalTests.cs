// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Journaling;

public sealed class JournalTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly SimulatedDisk _disk = new(new Prng(1));
    private readonly JournalHistory _history = new(new Prng(2));

    private SimulatedStorage Storage => new(_disk);

    [Fact]
    public async Task What_was_flushed_is_read_after_reopening_over_many_segments()
    {
        await using (var journal = await FilledAsync())
        {
            Assert.True(journal.Bytes > 4 * _history.SegmentBytes);
            await _history.CheckAsync(journal, journal.LastSequence);
        }
        _disk.KillProcesses();
        await using var again = await _history.OpenAsync(Storage);
        Assert.Equal(_history.Last, again.LastSequence);
        Assert.Equal(_history.Last, again.DurableSequence);
        await _history.CheckAsync(again, again.LastSequence);
    }

    [Fact]
    public async Task Trimming_takes_whole_segments_and_never_what_is_held()
    {
        await using var journal = await FilledAsync();
        using (journal.Hold(5))
        {
            await journal.TrimAsync(journal.LastSequence, Ct);
            Assert.True(journal.FirstSequence <= 5);
        }
        await journal.TrimAsync(20, Ct);
        Assert.True(journal.FirstSequence <= 21);
        await journal.TrimAsync(journal.LastSequence, Ct);
        Assert.True(journal.FirstSequence <= journal.LastSequence);
        Assert.Throws<JournalException>(() => journal.Hold(5));
    }

    [Fact]
    public async Task Trimmed_segments_are_used_again()
    {
        await using var journal = await FilledAsync();
        await journal.TrimAsync(journal.LastSequence, Ct);
        var names = await Storage.ListAsync(Ct);
        Assert.Equal(2, names.Count(n => n.StartsWith("free-", StringComparison.Ordinal)));

        var files = names.Count(n => n.EndsWith(".lbj", StringComparison.Ordinal));
        while (journal.Bytes < 2 * _history.SegmentBytes) await _history.AppendAsync(journal);
        names = await Storage.ListAsync(Ct);
        Assert.Equal(files, names.Count(n => n.EndsWith(".lbj", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_full_disk_is_an_outcome_and_the_journal_goes_on()
    {
        await using var journal = await FilledAsync();
        var last = journal.LastSequence;
        _disk.CapacityBytes = _disk.AllocatedBytes + 3 * 4096;
        AppendOutcome outcome;
        do outcome = await _history.AppendAsync(journal);
        while (outcome == AppendOutcome.Appended);
        Assert.Equal(AppendOutcome.Full, outcome);
        Assert.Equal(AppendOutcome.Full, await _history.AppendAsync(journal, dataMax: 60000));

        await _history.FlushAsync(journal);
        _disk.CapacityBytes = long.MaxValue;
        for (var i = 0; i < 50; i++) Assert.Equal(AppendOutcome.Appended, await _history.AppendAsync(journal));
        await _history.FlushAsync(journal);
        await _history.CheckAsync(journal, journal.LastSequence);
        Assert.True(journal.LastSequence > last + 50);
        _disk.Crash();
        await using var again = await _history.OpenAsync(Storage);
        await _history.RecoverAsync(again);
    }

    [Fact]
    public async Task No_segment_is_begun_into_the_reserve()
    {
        var history = new JournalHistory(new Prng(3)) { ReserveBytes = 1 << 20 };
        _disk.CapacityBytes = 2 << 20;
        await using var journal = await history.OpenAsync(Storage);
        while (await history.AppendAsync(journal) == AppendOutcome.Appended) { }
        // The index of the segment before is written when a new one is there, and that may take of it.
        Assert.InRange(_disk.CapacityBytes - _disk.AllocatedBytes, (1 << 20) - (8 << 10), 2 << 20);
    }

    [Fact]
    public async Task A_failed_flush_poisons_until_reopened()
    {
        await using var journal = await FilledAsync();
        await _history.AppendAsync(journal);
        _disk.Faults = o => o.Verb == DiskVerb.Flush ? StorageFault.Io : null;
        await Assert.ThrowsAsync<StorageException>(async () => await journal.FlushAsync(Ct));
        _disk.Faults = _ => null;

        var failure = await Assert.ThrowsAsync<JournalException>(async () => await journal.FlushAsync(Ct));
        Assert.Equal(JournalFault.Poisoned, failure.Fault);
        await Assert.ThrowsAsync<JournalException>(async () => await _history.AppendAsync(journal));
        _disk.KillProcesses();
        await using var again = await _history.OpenAsync(Storage);
        await _history.RecoverAsync(again);
    }

    [Fact]
    public async Task A_failed_write_poisons_until_reopened()
    {
        await using var journal = await FilledAsync();
        _disk.Faults = o => o.Verb == DiskVerb.Write ? StorageFault.Io : null;
        await Assert.ThrowsAsync<StorageException>(async () => await _history.AppendAsync(journal));
        _disk.Faults = _ => null;
        await Assert.ThrowsAsync<JournalException>(async () => await _history.AppendAsync(journal));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(-1)]
    public async Task Damaged_or_missing_indexes_are_rebuilt(int damagedByte)
    {
        await using (await FilledAsync()) { }
        foreach (var name in await Storage.ListAsync(Ct))
            if (name.EndsWith(".idx", StringComparison.Ordinal)) await DamageAsync(name, damagedByte);
        await using var again = await _history.OpenAsync(Storage);
        await _history.CheckAsync(again, _history.Last);
    }

    [Fact]
    public async Task Damage_in_a_segment_without_an_index_is_a_stretch_and_all_else_is_served()
    {
        await using (await FilledAsync()) { }
        await DamageAsync("seg-0000000000000001.lbj", 30000);
        await Storage.DeleteAsync("seg-0000000000000001.idx", Ct);
        for (var opened = 0; opened < 2; opened++)
        {
            await using var journal = await _history.OpenAsync(Storage);
            var told = journal.TryTakeDamage(out var damage);
            Assert.Equal(opened == 0, told); // from then on the index knows
            var lost = await _history.CheckWholeAsync(journal);
            Assert.InRange(lost.Count, 1, 4); // records of one append
            if (told) Assert.Equal((JournalPart.Stretch, lost[0], lost[^1]), (damage!.Part, damage.First, damage.Last));
        }
    }

    [Fact]
    public async Task A_block_that_landed_on_others_of_its_segment_is_not_believed_there()
    {
        long from, to, length;
        await using (var journal = await FilledAsync())
        {
            var second = journal.Segments[1];
            var entries = (await journal.EntriesOfAsync(second, Ct)).ToArray();
            var last = Array.FindLastIndex(entries, e => e.RecordLength < 3000);
            while (entries[last - 1].Position + entries[last - 1].RecordLength == entries[last].Position) last--;
            (from, to) = (entries[last].Position - BlockCodec.HeaderLength, 8192);
            length = second.Tail - from;
        }
        var name = (await Storage.ListAsync(Ct)).Order(StringComparer.Ordinal)
            .Where(n => n.EndsWith(".lbj", StringComparison.Ordinal)).ElementAt(1);
        await Storage.DeleteAsync(Path.ChangeExtension(name, "idx"), Ct);
        await using (var file = await Storage.OpenAsync(name, create: false, Ct))
        {
            var bytes = new byte[length];
            await file.ReadAsync(from, bytes, Ct);
            await file.WriteAsync(to, bytes, Ct);
        }
        await using var again = await _history.OpenAsync(Storage);
        Assert.InRange((await _history.CheckWholeAsync(again)).Count, 1, 40);
    }

    [Fact]
    public async Task A_segment_without_head_and_index_whose_first_block_is_damaged_is_known_by_its_other_blocks()
    {
        await using (await FilledAsync()) { }
        await DamageAsync("seg-0000000000000001.lbj", 30);
        await DamageAsync("seg-0000000000000001.lbj", 4096 + 40);
        await Storage.DeleteAsync("seg-0000000000000001.idx", Ct);
        await using var journal = await _history.OpenAsync(Storage);
        Assert.InRange((await _history.CheckWholeAsync(journal)).Count, 1, 4);
    }

    [Fact]
    public async Task Damage_under_an_index_is_noticed_when_read()
    {
        await using (await FilledAsync()) { }
        await DamageAsync("seg-0000000000000001.lbj", 30000);
        await using var journal = await _history.OpenAsync(Storage);
        var failure = await Assert.ThrowsAsync<JournalException>(
            () => _history.CheckAsync(journal, journal.LastSequence));
        Assert.Equal(JournalFault.RecordDamaged, failure.Fault);
        Assert.Contains("seg-0000000000000001.lbj", failure.Message);
    }

    [Fact]
    public async Task A_missing_segment_is_a_stretch_unless_the_base_has_it()
    {
        await using var journal = await FilledAsync();
        var second = journal.Segments[1];
        await Storage.DeleteAsync(second.Name, Ct);
        await using (var around = await _history.OpenAsync(Storage))
            Assert.Equal(second.EntryCount, (await _history.CheckWholeAsync(around)).Count);
        await using var above = await Journal.OpenAsync(Storage, _history.Options, second.LastSequence, Ct);
        Assert.Equal(second.LastSequence + 1, above.FirstSequence);
    }

    [Fact]
    public async Task An_empty_journal_goes_on_behind_the_base()
    {
        await using var journal = await Journal.OpenAsync(Storage, _history.Options, 41, Ct);
        Assert.Equal(42, journal.FirstSequence);
        Assert.Equal(41, journal.LastSequence);
        Assert.Equal(41, journal.DurableSequence);
    }

    private async Task<Journal> FilledAsync()
    {
        var journal = await _history.OpenAsync(Storage);
        while (journal.Bytes < 5 * _history.SegmentBytes) await _history.AppendAsync(journal);
        await _history.FlushAsync(journal);
        return journal;
    }

    private async Task DamageAsync(string name, int at)
    {
        if (at < 0)
        {
            await Storage.DeleteAsync(name, Ct);
            return;
        }
        await using var file = await Storage.OpenAsync(name, create: false, Ct);
        var one = new byte[1];
        await file.ReadAsync(at, one, Ct);
        one[0] ^= 0x40;
        await file.WriteAsync(at, one, Ct);
    }
}
