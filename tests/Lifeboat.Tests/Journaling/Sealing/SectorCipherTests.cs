// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Sealing;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Journaling.Sealing;

public sealed class SectorCipherTests
{
    // IEEE 1619-2007, annex B, vector 10: XTS-AES-256 of a data unit of 512 bytes with number 0xff.
    [Fact]
    public void It_is_the_standards_XTS()
    {
        using var cipher = new SectorCipher(Convert.FromHexString(
            "2718281828459045235360287471352662497757247093699959574966967627"
            + "3141592653589793238462643383279502884197169399375105820974944592"));
        var sector = new byte[512];
        for (var i = 0; i < sector.Length; i++) sector[i] = (byte)i;
        var plain = sector.ToArray();
        cipher.Encrypt(sector, 0xff);
        Assert.StartsWith("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b",
            Convert.ToHexStringLower(sector), StringComparison.Ordinal);
        cipher.Decrypt(sector, 0xff);
        Assert.Equal(plain, sector);
    }

    [Fact]
    public void Sectors_of_zeroes_stay_and_all_others_depend_on_their_place()
    {
        using var cipher = new SectorCipher(new Prng(1).Bytes(SectorCipher.KeyBytes));
        var bytes = new byte[4 * 512];
        bytes.AsSpan(512, 1024).Fill(7);
        cipher.Encrypt(bytes, 40);
        Assert.False(bytes.AsSpan(0, 512).ContainsAnyExcept((byte)0));
        Assert.False(bytes.AsSpan(1536).ContainsAnyExcept((byte)0));
        Assert.False(bytes.AsSpan(512, 512).SequenceEqual(bytes.AsSpan(1024, 512)));
        cipher.Decrypt(bytes, 40);
        Assert.Equal(-1, bytes.AsSpan(512, 1024).IndexOfAnyExcept((byte)7));
    }
}
