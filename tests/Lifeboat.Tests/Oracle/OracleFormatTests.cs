// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Testing.Oracle;
using Xunit;

namespace Lifeboat.Tests.Oracle;

/// <summary>What kit/guest/oracle-format.h fixes; disks written by older guests must stay readable.</summary>
public sealed class OracleFormatTests
{
    [Fact]
    public void Checksum_is_crc32c_with_its_own_field_as_zeroes()
    {
        var block = Encoding.ASCII.GetBytes("1234....56789");
        var zeroed = Encoding.ASCII.GetBytes("1234\0\0\0\056789");
        Assert.Equal(OracleFormat.Checksum(zeroed, 4), OracleFormat.Checksum(block, 4));
        Assert.Equal(0x8A9136AAu, OracleFormat.Checksum(new byte[32], 12));   // RFC 3720, 32 bytes of zeroes
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 0)]
    public void In_turn_means_in_turn(long n, int disk) =>
        Assert.Equal(disk, OracleFormat.DiskOf(99, n, 3, seeded: false));

    [Fact]
    public void Seeded_uses_all_disks_about_equally()
    {
        var counts = new int[5];
        for (long n = 1; n <= 5000; n++) counts[OracleFormat.DiskOf(0xfeedbeef, n, 5, seeded: true)]++;
        Assert.All(counts, c => Assert.InRange(c, 850, 1150));
    }

    [Fact]
    public void A_header_reads_back()
    {
        var header = new OracleHeader(2, 5, 4096, 777, 0xabcdef0123456789, true);
        var block = new byte[OracleFormat.HeaderBytes];
        header.Write(block);
        Assert.Equal(header, OracleHeader.Parse(block, out var problem));
        Assert.Null(problem);
        block[4095] ^= 1;
        Assert.Null(OracleHeader.Parse(block, out problem));
        Assert.NotNull(problem);
    }

    [Fact]
    public void A_record_reads_back()
    {
        var record = new OracleRecord(1, 2, 3, 4, 5, 3, 7, 1, 2, Mark: true);
        var slot = new byte[1024];
        record.Write(slot);
        Assert.True(OracleRecord.TryParse(slot, out var read));
        Assert.Equal(record, read);
        slot[1023] ^= 1;
        Assert.False(OracleRecord.TryParse(slot, out _));
    }
}
