// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Recovery.Steps;

/// <summary>Enum names as evidence says them: as in the API, `clean-shutdown`.</summary>
internal static class Words
{
    public static string Of<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
