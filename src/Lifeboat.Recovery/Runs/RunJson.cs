// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;

namespace Lifeboat.Recovery.Runs;

/// <summary>How runs are stored: as contracts are, but fields of another version are passed over.</summary>
public static class RunJson
{
    public static readonly JsonSerializerOptions Options = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        ContractJson.Configure(options);
        return ContractJson.Tolerant(options);
    }
}
