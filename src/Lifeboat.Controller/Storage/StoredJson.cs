// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Storage;

/// <summary>JSON in the database: what another version wrote more is passed over.</summary>
internal static class StoredJson
{
    public static string Write<T>(T value) => JsonSerializer.Serialize(value, RunJson.Options);
    public static T Read<T>(string text) => JsonSerializer.Deserialize<T>(text, RunJson.Options)!;
}
