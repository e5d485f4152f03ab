// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Journaling;

public sealed class RecordCodecTests
{
    [Theory]
    [InlineData(RecordKind.Write, 1)]
    [InlineData(RecordKind.Zero, 2)]
    [InlineData(RecordKind.Checkpoint, 3)]
    [InlineData(RecordKind.BatchBegin, 4)]
    [InlineData(RecordKind.BatchEnd, 5)]
    [InlineData(RecordKind.VolumeSize, 6)]
    [InlineData(RecordKind.Lost, 255)]
    public void Record_kinds_on_disk_never_change_value(RecordKind kind, byte frozen)
    {
        Assert.Equal(frozen, (byte)kind);
        Assert.Equal(7, Enum.GetValues<RecordKind>().Length);
    }

    [Theory]
    [InlineData(Consistency.Crash, 1)]
    [InlineData(Consistency.FileSystem, 2)]
    [InlineData(Consistency.Application, 3)]
    [InlineData(Consistency.CleanShutdown, 4)]
    public void Consistencies_on_disk_never_change_value(Consistency consistency, byte frozen) =>
        Assert.Equal(frozen, (byte)consistency);

    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("123456789", 0xE3069283u)]
    [InlineData("a", 0xC1D04330u)]
    public void Crc_gives_the_published_check_values(string text, uint expected) =>
        Assert.Equal(expected, Crc32C.Compute(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Crc_of_32_zeroes_is_as_in_rfc_3720() => Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));

    [Theory]
    [InlineData(0, 9)]
    [InlineData(64, 1)]
    [InlineData(64, 131_072)]
    [InlineData(100, 262_144)]
    [InlineData(5, 70_001)]
    public void Crc_of_two_parts_is_joined_from_theirs(int first, int second)
    {
        var data = new Prng((ulong)second).Bytes(first + second);
        var joined = Crc32C.Join(
            Crc32C.Append(~0u, data.AsSpan(0, first)), Crc32C.Append(0, data.AsSpan(first)), second);
        Assert.Equal(Crc32C.Compute(data), ~joined);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    [InlineData(32 << 10)]
    [InlineData(262_144)]
    [InlineData(70_001)]
    public void Running_on_over_a_known_record_is_running_over_its_bytes(int length)
    {
        var record = new byte[RecordCodec.SizeOf(length)];
        var kind = length == 0 ? RecordKind.BatchEnd : RecordKind.Write;
        RecordCodec.Write(record, new RecordHeader(kind, RecordFlags.None, 0, length, 7, 1, 0, length, 5),
            new Prng(9).Bytes(length));
        foreach (var register in (uint[])[0, ~0u, 0x12345678])
            Assert.Equal(Crc32C.Append(register, record), RecordCodec.AppendKnown(register, record));
    }

    [Fact]
    public void A_record_sealed_from_a_register_of_its_data_is_the_record()
    {
        var data = new Prng(3).Bytes(150_000);
        var header = RecordHeader.Write(3, 77, 2, 4096, data.Length, 123456);
        var whole = new byte[RecordCodec.SizeOf(data.Length)];
        var early = new byte[whole.Length];
        RecordCodec.Write(whole, header, data);
        data.CopyTo(early.AsSpan(RecordCodec.HeaderLength));
        Assert.Equal(whole.Length, RecordCodec.Seal(early, header, Crc32C.Append(0, data)));
        Assert.Equal(whole, early);
    }

    // Long data is folded by 256 bytes from 512 on, or taken in lanes of 1344 bytes, three at a time; the reference
    // takes it bit by bit.
    [Theory]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(767)]
    [InlineData(768)]
    [InlineData(1000)]
    [InlineData(4031)]
    [InlineData(4032)]
    [InlineData(4033)]
    [InlineData(4160)]
    [InlineData(8064)]
    [InlineData(65_537)]
    public void Crc_of_long_data_is_what_bits_one_by_one_give(int length)
    {
        var data = new byte[length + 3];
        for (var i = 0; i < data.Length; i++) data[i] = (byte)((i * 2654435761L) >> 13);
        for (var start = 0; start <= 3; start++)
        {
            var part = data.AsSpan(start, length);
            Assert.Equal(~BitByBit(~0u, part), Crc32C.Compute(part));
            Assert.Equal(~BitByBit(~0u, part), ~Crc32C.AppendInLanes(~0u, part));
            var cut = length / 3;
            Assert.Equal(~BitByBit(~0u, part), ~Crc32C.Append(Crc32C.Append(~0u, part[..cut]), part[cut..]));
        }
    }

    [Fact]
    public void Layout_of_a_write_is_frozen()
    {
        var record = new byte[RecordCodec.SizeOf(4)];
        var header = RecordHeader.Write(0x0102, sequence: 3, epoch: 4, offset: 4096, length: 4, timeMicros: 5);
        RecordCodec.Write(record, header, [0xDE, 0xAD, 0xBE, 0xEF]);

        Assert.Equal(
            "4C425243" // LBRC
            + "01" + "01" + "0000" + "0201" + "0000" + "04000000"
            + "0300000000000000" + "0400000000000000" + "0010000000000000" + "0400000000000000"
            + "0500000000000000" + "00000000",
            Convert.ToHexString(record.AsSpan(0, 60)));
        Assert.Equal("DEADBEEF", Convert.ToHexString(record.AsSpan(64)));
    }

    [Fact]
    public void What_is_written_is_read()
    {
        var prng = new Prng(1);
        for (var i = 0; i < 200; i++)
        {
            var data = prng.Bytes(prng.Next(1, 9000));
            var header = RecordHeader.Write((ushort)prng.Next(65536), prng.Next(1L, 1L << 60), prng.Next(1L << 40),
                prng.Next(1L << 50), data.Length, prng.Next(1L << 55), (RecordFlags)prng.Next(2));
            var record = new byte[RecordCodec.SizeOf(data.Length) + prng.Next(100)];

            var written = RecordCodec.Write(record, header, data);
            var outcome = RecordCodec.TryRead(record, out var read, out var total);

            Assert.Equal(RecordReadOutcome.Read, outcome);
            Assert.Equal(header, read);
            Assert.Equal(written, total);
            Assert.Equal(data, RecordCodec.DataOf(record, read).ToArray());
        }
    }

    [Fact]
    public void Every_single_flipped_bit_is_noticed()
    {
        var record = new byte[RecordCodec.SizeOf(24)];
        RecordCodec.Write(record, RecordHeader.Write(1, 2, 3, 512, 24, 4), new Prng(7).Bytes(24));
        for (var bit = 0; bit < record.Length * 8; bit++)
        {
            record[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(RecordReadOutcome.Read, RecordCodec.TryRead(record, out _, out _));
            record[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.Equal(RecordReadOutcome.Read, RecordCodec.TryRead(record, out _, out _));
    }

    [Fact]
    public void Every_prefix_is_incomplete()
    {
        var record = new byte[RecordCodec.SizeOf(100)];
        RecordCodec.Write(record, RecordHeader.Write(1, 2, 3, 0, 100, 4), new byte[100]);
        for (var length = 0; length < record.Length; length++)
        {
            var outcome = RecordCodec.TryRead(record.AsSpan(0, length), out _, out var need);
            Assert.Equal(RecordReadOutcome.Incomplete, outcome);
            Assert.Equal(length < RecordCodec.HeaderLength ? RecordCodec.HeaderLength : record.Length, need);
        }
    }

    [Fact]
    public void Contradictions_are_refused_on_writing_too()
    {
        var buffer = new byte[256];
        Assert.Throws<ArgumentException>(
            () => RecordCodec.Write(buffer, RecordHeader.Write(0, 0, 1, 0, 4, 0), new byte[4]));
        Assert.Throws<ArgumentException>(
            () => RecordCodec.Write(buffer, RecordHeader.Write(0, 1, 1, 0, 4, 0), new byte[5]));
        Assert.Throws<ArgumentException>(
            () => RecordCodec.Write(buffer, RecordHeader.Zero(0, 1, 1, long.MaxValue, 1, 0), []));
        Assert.Throws<ArgumentException>(
            () => RecordCodec.Write(buffer, new RecordHeader((RecordKind)9, 0, 0, 0, 1, 1, 0, 0, 0), []));
    }

    [Fact]
    public void Checkpoint_payload_is_frozen_and_read_back()
    {
        var point = new RecoveryPoint(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), 42, new Epoch(3),
            new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero), Consistency.Application, PointState.Open,
            "nightly", null, new Dictionary<string, Consistency> { ["db1"] = Consistency.Application });

        var payload = CheckpointPayload.Encode(point);

        Assert.Equal("""{"id":"00112233-4455-6677-8899-aabbccddeeff","sequence":42,"epoch":3,""" +
            """
            "cutAt":"2026-01-02T03:04:05.678+00:00","consistency":3,"label":"nightly","quiesced":{"db1":3}}
            """,
            Encoding.UTF8.GetString(payload));
        Assert.True(CheckpointPayload.TryDecode(payload, out var read));
        Assert.Equal(point with { Quiesced = read!.Quiesced }, read);
        Assert.Equal(point.Quiesced, read.Quiesced);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"id":"x","sequence":1,"epoch":1,"cutAt":"2026-01-01T00:00:00Z","consistency":1,"quiesced":{}}""")]
    [InlineData("""{"id":"00112233-4455-6677-8899-aabbccddeeff","sequence":1,"epoch":1,"cutAt":"2026"}""")]
    public void Broken_checkpoint_payloads_are_refused(string text) =>
        Assert.False(CheckpointPayload.TryDecode(Encoding.UTF8.GetBytes(text), out _));

    [Fact]
    public void Batch_payload_is_read_back_and_broken_ones_refused()
    {
        var stream = new Prng(3).NextGuid();
        var payload = BatchPayload.Encode(stream, [0, 7, 500]);

        Assert.True(BatchPayload.TryDecode(payload, out var id, out var volumes));
        Assert.Equal(stream, id);
        Assert.Equal([0, 7, 500], volumes);
        for (var length = 0; length < payload.Length; length++)
            Assert.False(BatchPayload.TryDecode(payload.AsSpan(0, length), out _, out _));
    }

    private static uint BitByBit(uint register, ReadOnlySpan<byte> data)
    {
        foreach (var value in data)
        {
            register ^= value;
            for (var bit = 0; bit < 8; bit++)
                register = (register >> 1) ^ ((register & 1) != 0 ? 0x82F63B78u : 0);
        }
        return register;
    }
}
