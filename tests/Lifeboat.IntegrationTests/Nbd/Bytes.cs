// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.IntegrationTests.Nbd;

internal static class Bytes
{
    public static byte[] Pattern(int length, int seed)
    {
        var data = new byte[length];
        for (var i = 0; i < length; i++)
            data[i] = (byte)((i + seed) * 2654435761L >> 13);
        return data;
    }
}
