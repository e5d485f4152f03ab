// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using System.Text.Json;
using Lifeboat.Protection;

namespace Lifeboat.Contracts;

/// <summary>Reads a refused answer back into the exception it was made from.</summary>
public static class ProblemAnswer
{
    /// <param name="who">Who answered, for the message when it is not one of our problems.</param>
    /// <returns>The answer itself, when it is a success.</returns>
    public static async Task<HttpResponseMessage> ThrowIfRefusedAsync(HttpResponseMessage answer, string who,
        CancellationToken ct)
    {
        if (answer.IsSuccessStatusCode) return answer;
        using (answer) throw await ReadAsync(answer, who, ct);
    }

    private static async Task<ProblemException> ReadAsync(HttpResponseMessage answer, string who, CancellationToken ct)
    {
        try
        {
            if (await answer.Content.ReadFromJsonAsync<Problem>(ContractJson.Answers, ct) is { } problem)
                return new ProblemException(problem.Reason, problem.Title, problem.Detail, problem.Errors)
                {
                    Faults = problem.Faults,
                    RequestId = problem.RequestId,
                };
        }
        catch (JsonException)
        {
            // Not one of ours: the status is all there is.
        }
        return new ProblemException(ReasonCode.Unexpected, $"the {who} answered {(int)answer.StatusCode}");
    }
}
