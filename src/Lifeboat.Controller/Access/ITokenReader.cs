// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;

namespace Lifeboat.Controller.Access;

/// <summary>Says whose token it is; one for each kind of token that the site takes.</summary>
internal interface ITokenReader
{
    /// <param name="address">Where the request comes from.</param>
    /// <returns>Null: it is no token of this kind, or not a good one; why is nobody's business.</returns>
    /// <exception cref="ProblemException">
    /// NotAuthenticated: it is one of this kind, and of nobody here; TokenExpired: it was good once;
    /// IdentityUnavailable: whoever made it cannot be asked.
    /// </exception>
    Task<Identity?> ReadAsync(string token, string address, CancellationToken ct);
}
