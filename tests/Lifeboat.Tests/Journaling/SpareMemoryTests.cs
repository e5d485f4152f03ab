// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Tests.Journaling;

public sealed class SpareMemoryTests
{
    [Fact]
    public void Whole_pages_are_given_back_and_what_is_beside_the_buffer_stays()
    {
        var all = new byte[64 << 10];
        all.AsSpan().Fill(1);

        SpareMemory.GiveBack(all.AsSpan(100, all.Length - 300));

        Assert.Equal(-1, all.AsSpan(0, 100).IndexOfAnyExcept((byte)1));
        Assert.Equal(-1, all.AsSpan(all.Length - 200).IndexOfAnyExcept((byte)1));
        Assert.InRange(all.Count(b => b == 0), all.Length - 300 - 2 * Environment.SystemPageSize, all.Length - 300);
        SpareMemory.GiveBack(all.AsSpan(0, 10)); // no page
        Assert.Equal(1, all[0]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    [InlineData(IoRoom.Bytes + 1)]
    public void Scratch_is_as_long_as_was_asked_for(int length)
    {
        using var scratch = Scratch.Rent(length);

        scratch.Span.Fill(7);

        Assert.Equal(length, scratch.Memory.Length);
    }
}
